// `holdfast checkpoint`, and the checkpoint that a backup publishes.
import { toHex } from '../base/bytes.ts'
import { BackupError, reasonsOf } from '../base/errors.ts'
import type { Checkpoint } from '../format/checkpoint.ts'
import { checkpointText, checkpointWord } from '../format/checkpoint-text.ts'
import { makeCheckpoint } from '../ops/checkpoint.ts'
import type { Repository } from '../repo/repository.ts'
import type { CheckpointFlags } from './commands/checkpoint.ts'
import type { Context } from './context.ts'
import type { JsonRecord } from './json-lines.ts'
import { parsePublication, publicationName } from './publication.ts'
import type { Publication } from './publication.ts'
import { publish } from './publish.ts'
import { withOpenRepository } from './repository.ts'
import { formatUtcTime } from './units.ts'

export async function runCheckpoint(context: Context, flags: CheckpointFlags): Promise<void> {
  const publications = (flags.publish ?? []).map(parsePublication)
  const { out, reporter, clock } = context
  return withOpenRepository(context, async (repository) => {
    const checkpoint = await makeCheckpoint(repository, { nowMs: clock.now(), full: flags.full ?? false })
    out.record(checkpointRecord(checkpoint))
    for (const line of checkpointText(checkpoint).trimEnd().split('\n')) out.line(line)
    if (flags.qr === true) for (const line of await qrLines(checkpoint, out.isTerminal)) out.line(line)
    const errors = await publishAll(repository, publications, clock.now(), (target) =>
      reporter.note(`published at ${target}`),
    )
    const [first, ...others] = errors
    for (const error of others) {
      reporter.onEvent({ type: 'error', code: error.code, message: reasonsOf(error) })
    }
    if (first !== undefined) throw first
  })
}

/** Publishes what the history is after a backup; what fails is a warning, for the backup is complete. */
export async function publishAfterBackup(
  context: Context,
  repository: Repository,
  publications: readonly Publication[],
): Promise<void> {
  const { reporter, clock } = context
  let errors: readonly BackupError[]
  try {
    errors = await publishAll(repository, publications, clock.now(), () => {})
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    errors = [error]
  }
  for (const error of errors) {
    const message = `the snapshot is complete; only its checkpoint was not published: ${reasonsOf(error)}`
    reporter.onEvent({ type: 'warning', code: error.code, message })
  }
}

/** Each place is tried, whatever became of the others; gives what failed. */
async function publishAll(
  repository: Repository,
  publications: readonly Publication[],
  nowMs: number,
  done: (target: string) => void,
): Promise<BackupError[]> {
  if (publications.length === 0) return []
  const errors: BackupError[] = []
  const checkpoint = await makeCheckpoint(repository, { nowMs, full: true })
  const text = checkpointText(checkpoint)
  const name = `holdfast-${toHex(checkpoint.repoId).slice(0, 8)}-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '')}`
  for (const publication of publications) {
    try {
      await publish(publication, { text, name })
      done(publicationName(publication))
    } catch (error) {
      if (!(error instanceof BackupError)) throw error
      errors.push(error)
    }
  }
  return errors
}

function checkpointRecord(checkpoint: Checkpoint): JsonRecord {
  const { heads } = checkpoint
  return {
    type: 'checkpoint',
    repository: toHex(checkpoint.repoId),
    root_key: toHex(checkpoint.fingerprint),
    time: formatUtcTime({ sec: checkpoint.time, nsec: 0 }),
    description: checkpoint.description,
    snapshots: checkpoint.snapshots,
    records: checkpoint.records,
    ...('root' in heads
      ? { chains: heads.chains, places: heads.places, root: toHex(heads.root) }
      : {
          heads: heads.map(({ chain, wid, seq, hash }) => ({
            chain,
            writer: toHex(wid),
            sequence: seq,
            id: toHex(hash),
          })),
        }),
    checkpoint: checkpointWord(checkpoint),
  }
}

/** What a QR code of the largest kind holds in capitals and digits, with room for the least correction. */
const QR_MAX = 4296

async function qrLines(checkpoint: Checkpoint, isTerminal: boolean): Promise<string[]> {
  const word = checkpointWord(checkpoint)
  if (word.length > QR_MAX) {
    throw new BackupError('limit', `a QR code holds ${QR_MAX} characters, this has ${word.length}`, 'checkpoint', {
      hint: 'leave out --full',
    })
  }
  const { default: encodeQR } = await import('qr')
  const ecc = word.length > QR_MAX / 2 ? 'low' : 'medium'
  return ['', ...encodeQR(word, isTerminal ? 'term' : 'ascii', { encoding: 'alphanumeric', ecc }).split('\n')]
}
