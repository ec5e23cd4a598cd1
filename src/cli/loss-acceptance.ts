// `holdfast repair --accept-loss`: what is gone from the middle of a chain for good, shown, asked about, and noted in the log as
// accepted. Nothing is accepted that parity or another copy of the repository brings back, and nothing that was not shown.
import { BackupError } from '../base/errors.ts'
import { hostname } from 'node:os'
import { secureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import { initHashing } from '../crypto/hash.ts'
import { auditHistory } from '../ops/audit.ts'
import type { AuditedObject } from '../ops/audit/audited-object.ts'
import { acceptance, chainLosses, chosenLosses, isNamed, lostNames, nameToGive } from '../ops/repair/chain-losses.ts'
import type { ChainLoss } from '../ops/repair/chain-losses.ts'
import { bringBackHeads } from '../ops/repair/lost-heads.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { whoWorks } from './history.ts'
import { openWith } from './repository.ts'
import { stoppable } from './signals.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { terminalAsk } from './terminal-ask.ts'
import { counted, formatLocalTime, formatUtcTime } from './units.ts'

interface AcceptanceFlags {
  readonly specs: readonly string[]
  readonly dryRun?: boolean
  readonly reason?: string
  readonly yes?: boolean
}

interface Stores {
  readonly store: Store
  readonly mirror: Store | undefined
}

export async function acceptLosses(context: Context, flags: AcceptanceFlags, stores: Stores): Promise<ExitCode> {
  await initHashing()
  const repository = await openWith(context, stores.store)
  const { broughtBack, losses } = await lossesLeft(context, repository, stores)
  context.reporter.finish()
  const { out } = context
  const isDryRun = flags.dryRun === true
  for (const object of broughtBack) {
    out.line(`${isDryRun ? 'would bring back' : 'brought back'}: ${object}`)
    out.record({ type: 'step', action: 'brought-back', object })
  }
  const wanted = broughtBack.length === 0 ? flags.specs : flags.specs.filter((spec) => isNamed(losses, spec))
  const { chosen, inTrash } = chosenLosses(losses, wanted)
  for (const loss of inTrash) {
    out.line(`not accepted, a copy of it lies in the trash (\`holdfast trash recall\`): ${nameToGive(loss)}`)
  }
  for (const loss of chosen) showLoss(context, loss)
  if (losses.length === 0) out.line('nothing is lost from the history: there is nothing to accept')
  else if (chosen.length === 0) out.line('nothing was accepted')
  else if (isDryRun) out.line(`dry run: ${lossesText(chosen)} would be accepted as lost`)
  const record = chosen.length === 0 || isDryRun ? undefined : await accept(context, repository, chosen, flags)
  if (record !== undefined) out.line(`accepted as lost: ${lossesText(chosen)}, noted in the log as ${record}`)
  const accepted = record === undefined ? 0 : chosen.length
  out.record({ type: 'summary', dry_run: isDryRun, brought_back: broughtBack.length, accepted, record })
  return EXIT.ok
}

/** What is lost after everything was brought back that can be: what comes back shows what else was there. */
async function lossesLeft(context: Context, repo: Repository, { mirror }: Stores) {
  const broughtBack: string[] = []
  const tried = new Set<string>()
  for (;;) {
    const kept = 'nothing was accepted; what was brought back stays'
    const result = await stoppable(context, kept, (signal) =>
      auditHistory({ repo, onEvent: context.reporter.onEvent, signal }),
    )
    const losses = chainLosses(result)
    const named = losses
      .filter(({ isInTrash }) => !isInTrash)
      .flatMap((loss) => lostNames(loss).map((objectName) => ({ wid: loss.wid, objectName })))
      .filter(({ objectName }) => !tried.has(objectName))
    for (const { objectName } of named) tried.add(objectName)
    const steps = await bringBackHeads(repo, named, { mirror, checkStopped: () => {} })
    for (const step of steps) if ('object' in step) broughtBack.push(step.object)
    if (steps.length === 0) return { broughtBack, losses }
  }
}

function showLoss({ out }: Context, loss: ChainLoss): void {
  const { chain, wid, writer, seq, ids, before, after } = loss
  const whose = writer === '' ? `writer ${wid.slice(0, 8)}` : `${escapeText(writer)} (${wid.slice(0, 8)})`
  out.line(`lost: ${chain} ${seq} of ${whose}: ${nameToGive(loss)}`)
  const [from, to] = [before, after].map((each) => each && formatLocalTime(timespecFromMs(timeOf(each))))
  const spans = [...(from === undefined ? [] : [`after ${from}`]), ...(to === undefined ? [] : [`before ${to}`])]
  if (spans.length > 0) out.line(`  made ${spans.join(' and ')}, as what is beside it says`)
  if (ids.length === 0) out.line('  nothing that is still there has seen it')
  for (const name of lostNames(loss)) out.line(`  ${name}`)
  out.line(`  ${CONSEQUENCES[chain]}`)
  out.record({
    type: 'loss',
    chain,
    writer: wid,
    writer_name: writer,
    sequence: seq,
    objects: lostNames(loss),
    after: before && formatUtcTime(timespecFromMs(timeOf(before))),
    before: after && formatUtcTime(timespecFromMs(timeOf(after))),
  })
}

const CONSEQUENCES = {
  snapshot: 'what nothing else needs of it is deleted by the next prune',
  record:
    'if it revoked a machine, removed a key, forgot or held snapshots, or set a policy, that holds no longer: do it again',
} as const

function timeOf({ claimedMs, receivedMs }: AuditedObject): number {
  return Math.floor(claimedMs ?? receivedMs)
}

function lossesText(losses: readonly ChainLoss[]): string {
  const count = (name: ChainLoss['chain']) => losses.filter(({ chain }) => chain === name).length
  const [snapshots, records] = [count('snapshot'), count('record')]
  const texts = [
    ...(snapshots > 0 ? [counted(snapshots, 'snapshot')] : []),
    ...(records > 0 ? [counted(records, 'log record')] : []),
  ]
  return texts.join(' and ')
}

/** Gives the name of the record. */
async function accept(
  context: Context,
  repo: Repository,
  losses: readonly ChainLoss[],
  { reason, yes }: AcceptanceFlags,
): Promise<string> {
  if (yes !== true) await confirm(context, repo.store.location)
  const { clock } = context
  const state = openStateFolder(stateFolder(context.env))
  const writer = await writerIdentity(repo, { state, clock, random: secureRandom, host: hostname(), act: 'log' })
  const action = acceptance(losses, reason)
  return (await appendRecord(repo, action, { writer, clock, by: whoWorks(context) })).objectName
}

async function confirm(context: Context, location: string): Promise<void> {
  await context.out.drained()
  const question = 'A store that hides something looks the same. Accept for good that this is lost?'
  if ((await terminalAsk(context.reporter).choose(question, 'yes', 'no, change nothing')) === true) return
  throw new BackupError('refused', 'nothing was accepted', location, {
    hint: 'run it with --yes when the list is right',
  })
}
