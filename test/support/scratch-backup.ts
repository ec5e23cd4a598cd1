// Backs real files up into a real folder, all in this thread: what happens between two steps is the test's to decide.
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { bytesOfText, textOfBytes } from '../../src/cli/native-text.ts'
import { runBackup, type BackupResult } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import type { FilePolicyOptions } from '../../src/source/file-policy.ts'
import type { FileReader } from '../../src/ops/backup/file-reader.ts'
import { FileSystemSource } from '../../src/ops/backup/file-system-source.ts'
import { posixFileReader } from '../../src/ops/backup/posix-file-reader.ts'
import { memoryState, type LocalState } from '../../src/repo/local-state.ts'
import type { OperationEvent } from '../../src/ops/events.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { Store } from '../../src/store/store.ts'
import type { ScratchRepository } from './scratch-repository.ts'

export interface ScratchBackupOptions {
  readonly store?: Store
  /** As another credential has opened it. */
  readonly repository?: Repository
  readonly reader?: FileReader
  /** The machine that writes; a new one unless given. */
  readonly state?: LocalState
  readonly threads?: boolean
  readonly files?: FilePolicyOptions
  readonly parent?: string | null
}

export interface ScratchBackup extends BackupResult {
  /** `error <code> <path>: <message>` and the same for warnings. */
  readonly problems: readonly string[]
}

/** Backs `sources` up; throws what the backup throws. */
export async function backUp(
  scratch: ScratchRepository,
  sources: readonly string[],
  opts: ScratchBackupOptions = {},
): Promise<ScratchBackup> {
  const repo = opts.repository ?? (await scratch.open(opts.store))
  const problems: string[] = []
  const reader = opts.reader ?? posixFileReader
  const result = await runBackup({
    repo,
    source: new FileSystemSource({
      sources: sources.map((path) => ({ path: bytesOfText(path) })),
      ...(opts.files !== undefined && { files: opts.files }),
    }),
    state: opts.state ?? memoryState(),
    clock: systemClock,
    random: secureRandom,
    host: 'test',
    user: 'test',
    tool: 'test',
    ...(opts.parent !== undefined && { parent: opts.parent }),
    onEvent: (event) => note(event, problems),
    ...(opts.threads === true ? {} : { makeExecutor: (setup) => inlineExecutor(setup, reader) }),
  })
  return { ...result, problems }
}

function note(event: OperationEvent, problems: string[]): void {
  if (event.type !== 'error' && event.type !== 'warning') return
  const path = event.path === undefined ? '' : ` ${textOfBytes(event.path)}`
  problems.push(`${event.type} ${event.code}${path}: ${event.message}`)
}
