// `holdfast repair`: what was made good, from where, and what is lost.
import { hostname } from 'node:os'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { healDescriptions } from '../ops/repair/heal-descriptions.ts'
import { bringBackHeads } from '../ops/repair/lost-heads.ts'
import { repair } from '../ops/repair/repair.ts'
import type { RepairResult, RepairStep } from '../ops/repair/repair.ts'
import { parseObjectName } from '../format/names.ts'
import type { LocalState } from '../repo/local-state.ts'
import type { Repository } from '../repo/repository.ts'
import { OverlayStore } from '../store/overlay-store.ts'
import { ReadOnlyStore } from '../store/read-only-store.ts'
import type { Store } from '../store/store.ts'
import { damageLines, damageRecord } from './damage-lines.ts'
import type { RepairFlags } from './commands/repair.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { compareHistory, historyLook } from './history.ts'
import { openUncompared, withStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { openStoreAt } from './stores.ts'
import { counted } from './units.ts'
import { userName } from './user-name.ts'
import { VERSION } from './version.ts'

/** What a rehearsal holds in memory of what a repair would write. */
const REHEARSAL_MAX = 1024 * 1024 * 1024

export async function runRepair(context: Context, flags: RepairFlags): Promise<ExitCode> {
  checkAcceptance(flags)
  const rehearsal = flags.dryRun === true
  return withStore(
    context,
    async (opened) => {
      const { clock } = context
      const bytesMax = REHEARSAL_MAX
      const store = rehearsal
        ? new OverlayStore(new ReadOnlyStore(opened), { now: () => clock.now(), bytesMax })
        : opened
      const mirror =
        flags.from === undefined ? undefined : new ReadOnlyStore(await openStoreAt(context, flags.from, false))
      try {
        if (flags.acceptLoss !== undefined) {
          const { acceptLosses } = await import('./loss-acceptance.ts')
          return await acceptLosses(context, { ...flags, specs: flags.acceptLoss }, { store, mirror })
        }
        const { steps, result } = await repairIn(context, flags, store, mirror)
        context.reporter.finish()
        show(context, rehearsal, steps, result)
        if (result.lostCount > 0) return EXIT.damage
        return result.unreadable.length > 0 ? EXIT.failed : EXIT.ok
      } finally {
        await mirror?.close()
      }
    },
    rehearsal ? 'read' : 'write',
  )
}

/** Throws `usage` for what does not go together. */
function checkAcceptance({ acceptLoss, reason, yes, structure }: RepairFlags): void {
  if (acceptLoss === undefined) {
    const alone = reason !== undefined ? '--reason' : yes === true ? '--yes' : undefined
    if (alone === undefined) return
    throw new BackupError('usage', 'this goes with --accept-loss', alone)
  }
  if (structure === true) throw new BackupError('usage', 'nothing but a loss is accepted', '--structure')
}

async function repairIn(context: Context, flags: RepairFlags, store: Store, mirror: Store | undefined) {
  const { clock, env } = context
  const first = await healDescriptions(store, mirror)
  const repository = await openUncompared(context, store)
  const heads = await headsBack(context, repository, mirror)
  await compareHistory(context, repository)
  const state = openStateFolder(stateFolder(env))
  const result = await stoppable(context, 'what was made good stays, and the next repair goes on', (signal) =>
    repair(repository, {
      ...(mirror !== undefined && { mirror }),
      readData: flags.structure !== true,
      state: flags.dryRun === true ? forgetting(state) : state,
      clock,
      random: secureRandom,
      host: hostname(),
      tool: `holdfast ${VERSION}`,
      by: `${userName(env)}@${hostname()}`,
      onEvent: context.reporter.onEvent,
      signal,
    }),
  )
  return { steps: [...first, ...heads, ...result.steps], result }
}

/** Where the store has lost the newest of what this machine has seen, every other command refuses; this is the one that helps. */
async function headsBack(context: Context, repository: Repository, mirror: Store | undefined) {
  const { lost } = await historyLook(context, repository)
  if (lost.length === 0) return []
  return stoppable(context, 'what was brought back stays', (signal) =>
    bringBackHeads(repository, lost, {
      mirror,
      checkStopped: () => {
        if (signal.aborted) throw new BackupError('interrupted', 'the repair was stopped', repository.store.location)
      },
    }),
  )
}

/** State in which nothing that is written stays. */
function forgetting(state: LocalState): LocalState {
  const written = new Map<string, Uint8Array>()
  return {
    read: async (name) => written.get(name) ?? (await state.read(name)),
    write: async (name, bytes) => void written.set(name, bytes.slice()),
    remove: async (name) => void written.delete(name),
    exclusive: (_name, step) => step(),
  }
}

const DONE: Readonly<Record<RepairStep['kind'], readonly [done: string, rehearsed: string]>> = {
  healed: ['healed', 'would heal'],
  'brought-back': ['brought back', 'would bring back'],
  indexed: ['indexed', 'would index'],
  distrusted: ['not relied on any more', 'would not rely on any more'],
  'set-aside': ['set aside', 'would set aside'],
  'parity-made': ['made parity', 'would make parity'],
  'parity-removed': ['removed parity of what is gone', 'would remove parity of what is gone'],
  recorded: ['noted in the log', 'would note in the log'],
}

/** Steps shown one by one of each kind; --json has all. */
const STEPS_SHOWN = 20

function show({ out }: Context, rehearsal: boolean, steps: readonly RepairStep[], result: RepairResult): void {
  const shown = new Map<string, number>()
  for (const step of steps) {
    const count = (shown.get(step.kind) ?? 0) + 1
    shown.set(step.kind, count)
    if (count <= STEPS_SHOWN) out.line(`${DONE[step.kind][rehearsal ? 1 : 0]}: ${aboutStep(step)}`)
    out.record({
      type: 'step',
      action: step.kind,
      ...('object' in step ? { object: step.object } : { packs: step.packs }),
      ...('from' in step && { from: step.from }),
    })
  }
  for (const [kind, count] of shown) {
    if (count > STEPS_SHOWN) out.line(`${DONE[kind as RepairStep['kind']][0]}: ${count - STEPS_SHOWN} more`)
  }
  for (const { object, message } of result.unreadable) {
    out.line(`could not be read: ${escapeText(object)}: ${escapeText(message)}`)
    out.record({ type: 'unreadable', object, message })
  }
  if (result.lostCount > 0) showLost({ out }, result)
  else
    out.line(
      steps.length === 0 ? 'nothing to repair' : rehearsal ? 'all of it can be made good' : 'all of it is made good',
    )
  out.record({
    type: 'summary',
    dry_run: rehearsal,
    steps: steps.length,
    healed: steps.filter(({ kind }) => kind === 'healed' || kind === 'brought-back').length,
    lost: result.lostCount,
    unreadable: result.unreadable.length,
  })
}

function aboutStep(step: RepairStep): string {
  if (step.kind === 'indexed') return `${counted(step.packs, 'pack')} that no segment named`
  const object = escapeText(step.object)
  if (!('from' in step)) return object
  return step.from === 'parity' ? `${object}, computed from parity` : `${object}, from the other copy`
}

function showLost({ out }: Pick<Context, 'out'>, { lost, lostCount, reasons, passing }: RepairResult): void {
  if (lostCount > passing.size) out.line(`cannot be made good: ${counted(lostCount - passing.size, 'object')}`)
  for (const damage of lost.toSorted((a, b) => Number(passing.has(a.object)) - Number(passing.has(b.object)))) {
    if (passing.has(damage.object))
      out.line('a backup has ended and nothing is lost; a prune clears away what is left of it:')
    for (const line of damageLines(damage)) out.line(line)
    const why = reasons.get(damage.object) ?? []
    for (const reason of why) out.line(`    ${escapeText(reason)}`)
    out.record({ ...damageRecord(damage), reasons: [...why], passing: passing.has(damage.object) || undefined })
  }
  if (lost.some(({ object, code }) => code === 'not-found' && isOfChain(object))) {
    out.line(
      'What is gone from the history and comes back from nowhere can be accepted as lost: `holdfast repair --accept-loss all --dry-run` shows it.',
    )
  }
  if (lostCount === passing.size) return
  out.line(
    'Everything else can be restored. A backup of what the source still has stores it again; `repair --from` takes it from another copy of the repository.',
  )
}

function isOfChain(object: string): boolean {
  const kind = parseObjectName(object)?.kind
  return kind === 'log' || kind === 'snapshot'
}
