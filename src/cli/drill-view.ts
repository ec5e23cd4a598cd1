// `holdfast drill`: what was restored to prove that it can be, and when that was last proved.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupError, codeOf, reasonsOf } from '../base/errors.ts'
import { secureRandom, seededRng } from '../base/random.ts'
import { drill } from '../ops/drill.ts'
import type { DrillResult, DrillSample } from '../ops/drill.ts'
import { notedProof, proofNote, rememberedProof, rememberProof } from '../repo/history/drill-state.ts'
import type { DrillProof } from '../repo/history/drill-state.ts'
import { mayLog, readLog } from '../repo/history/log.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { DrillFlags } from './commands/drill.ts'
import type { Context } from './context.ts'
import { escapeName, escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { whoWorks } from './history.ts'
import { jsonName, jsonTime } from './json-lines.ts'
import { openWith, readerOf, warnOf, withStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { shortId } from './snapshot-view.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { timespecFromMs } from '../base/time.ts'
import { counted, formatCount, formatLocalTime, formatSize } from './units.ts'

const DEFAULT_FILES = 100
const DEFAULT_SPACE = 1024 * 1024 * 1024
/** Files shown that were not restored or are different; --json has more. */
const PATHS_SHOWN = 20

export async function runDrill(context: Context, flags: DrillFlags, spec = 'latest'): Promise<ExitCode> {
  const sample = chosenSample(flags)
  const records = flags.status !== true && flags.noRecord !== true
  return withStore(
    context,
    async (store) => {
      const repository = await openWith(context, store)
      warnOf(context, repository.problems)
      if (flags.status === true) return showStatus(context, repository)
      const snapshot = await repository.findSnapshot(spec)
      const reader = await readerOf(context, repository, snapshot)
      const result = await inScratch(flags.scratch ?? tmpdir(), (scratch) =>
        stoppable(context, 'nothing is changed by a drill', (signal) =>
          drill({
            repo: reader,
            root: snapshot.body.root,
            sample,
            scratch,
            spaceMax: flags.space ?? DEFAULT_SPACE,
            // What another machine has under the same path is not what was backed up.
            compare: flags.noCompare !== true && snapshot.body.host === hostname(),
            rng: seededRng(new DataView(secureRandom(4).buffer).getUint32(0)),
            threads: availableParallelism(),
            onEvent: context.reporter.onEvent,
            signal,
          }),
        ),
      )
      context.reporter.finish()
      show(context, snapshot.id, result)
      if (result.troubleCount > 0) return EXIT.damage
      const { files, bytes } = result
      await keepProof(
        context,
        repository,
        { timeMs: context.clock.now(), snapshot: snapshot.id, files, bytes },
        records,
      )
      return result.different.length > 0 ? EXIT.partial : EXIT.ok
    },
    records ? 'write' : 'read',
  )
}

function chosenSample({ files, sample, all }: DrillFlags): DrillSample {
  const given = [files && '--files', sample && '--sample', all && '--all'].filter(Boolean)
  if (given.length > 1) {
    throw new BackupError('usage', 'a sample is asked for in two ways', given.join(' and '), {
      hint: 'give one of them',
    })
  }
  if (all === true) return { kind: 'all' }
  if (sample !== undefined) return { kind: 'share', share: sample }
  return { kind: 'files', count: files ?? DEFAULT_FILES }
}

/** A folder that nobody else reads, gone afterwards whatever happens. */
async function inScratch<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(parent, 'holdfast-drill-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A drill that went well counts also where it cannot be noted. */
async function keepProof(context: Context, repo: Repository, proof: DrillProof, records: boolean): Promise<void> {
  const { clock, env, reporter } = context
  const state = openStateFolder(stateFolder(env))
  try {
    await rememberProof(repo, state, proof)
    if (!records || !mayLog(repo.bundle.role, 'note')) return
    const writer = await writerIdentity(repo, { state, clock, random: secureRandom, host: hostname(), act: 'log' })
    await appendRecord(repo, { kind: 'note', text: proofNote(proof) }, { writer, clock, by: whoWorks(context) })
  } catch (cause) {
    const message = `the drill went well; only noting it failed: ${reasonsOf(cause)}`
    reporter.onEvent({ type: 'warning', code: codeOf(cause), message })
  }
}

function show({ out }: Context, snapshot: string, result: DrillResult): void {
  const { files, filesTotal, bytes, compared, different, troubles, troubleCount } = result
  out.line(
    `restored ${formatCount(files)} of ${counted(filesTotal, 'file')} of snapshot ${shortId(snapshot)} (${formatSize(bytes)}) and found them as they were backed up`,
  )
  const others = compared < files ? '; the others have changed since, or are gone' : ''
  out.line(`${compared === files ? 'all' : formatCount(compared)} of them compared with their source${others}`)
  for (const path of different.slice(0, PATHS_SHOWN)) {
    out.line(`the source has other bytes, and its times say that it did not change: ${escapeName(path)}`)
  }
  for (const { path, message } of troubles.slice(0, PATHS_SHOWN)) {
    out.line(`not restored: ${escapeName(path)}: ${escapeText(message)}`)
  }
  if (troubleCount > PATHS_SHOWN) out.line(`  and ${formatCount(troubleCount - PATHS_SHOWN)} more`)
  if (troubleCount > 0)
    out.line('`holdfast check --read-data` tells what else is damaged, `holdfast repair --dry-run` what can be done')
  for (const path of different) out.record({ type: 'different', ...jsonName(path) })
  for (const { path, code, message } of troubles) out.record({ type: 'trouble', ...jsonName(path), code, message })
  out.record({
    type: 'summary',
    snapshot,
    files,
    files_total: filesTotal,
    bytes,
    compared,
    different: different.length,
    troubles: troubleCount,
  })
}

async function showStatus(context: Context, repo: Repository): Promise<ExitCode> {
  const state = openStateFolder(stateFolder(context.env))
  const own = await rememberedProof(repo, state)
  const noted = notedProof((await readLog(repo)).records)
  const { out } = context
  if (own === undefined && noted === undefined)
    out.line('nobody has proved yet that a restore works: run `holdfast drill`')
  for (const [who, proof] of [
    ['this machine', own],
    [noted?.by ?? '', noted],
  ] as const) {
    if (proof === undefined) continue
    out.line(
      `${formatLocalTime(timespecFromMs(proof.timeMs))}: ${escapeText(who)} restored ${counted(proof.files, 'file')} (${formatSize(proof.bytes)}) of snapshot ${shortId(proof.snapshot)}`,
    )
    out.record({
      type: 'proof',
      by: proof.by ?? null,
      time: jsonTime(timespecFromMs(proof.timeMs)),
      snapshot: proof.snapshot,
      files: proof.files,
      bytes: proof.bytes,
    })
  }
  return EXIT.ok
}
