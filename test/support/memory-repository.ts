// A repository in memory for one test, and backups into it.
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { DEFAULT_PARAMS } from '../../src/chunker/params.ts'
import type { ChunkerParams } from '../../src/chunker/params.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import type { BackupOptions, BackupResult } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import type { FileReader } from '../../src/ops/backup/file-reader.ts'
import type { BackupSource } from '../../src/ops/backup/source.ts'
import type { OperationEvent, ProblemEvent } from '../../src/ops/events.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'

export class MemoryRepository {
  readonly store = new MemoryStore()
  readonly credential = { kind: 'key-file' as const, secret: secureRandom(32) }
  state: LocalState = memoryState()
  /** Warnings and errors of all backups. */
  readonly problems: ProblemEvent[] = []

  static async create(
    opts: { readonly packSize?: number; readonly chunker?: ChunkerParams } = {},
  ): Promise<MemoryRepository> {
    await initHashing()
    const { chunker = DEFAULT_PARAMS, packSize } = opts
    const made = new MemoryRepository()
    await createRepository(made.store, {
      credential: made.credential,
      clock: systemClock,
      random: secureRandom,
      chunker,
      ...(packSize !== undefined && { packSize }),
    })
    return made
  }

  /** Opens it as a new process does. */
  open(store: Store = this.store): Promise<Repository> {
    return openRepository(store, this.credential)
  }

  /** Backs up in this thread, unless `opts` says otherwise. */
  async backup(source: BackupSource & FileReader, opts: Partial<BackupOptions> = {}): Promise<BackupResult> {
    return runBackup({
      repo: await this.open(),
      source,
      state: this.state,
      clock: systemClock,
      random: secureRandom,
      host: 'host',
      user: 'somebody',
      tool: 'test',
      onEvent: (event) => this.#note(event),
      makeExecutor: (setup) => inlineExecutor(setup, source),
      ...opts,
    })
  }

  /** Everything in a snapshot by its path below the source; reads every directory, so a broken one throws. */
  async entries({ body }: BackupResult, repo?: Repository): Promise<Map<string, Entry>> {
    const reader = repo ?? (await this.open())
    if (repo === undefined) await reader.loadIndex()
    const found = new Map<string, Entry>()
    const collect = async (ref: Uint8Array, path: string, root: boolean): Promise<void> => {
      for await (const entry of reader.directoryEntries(ref, root)) {
        const below = root ? '' : `${path}/${Buffer.from(entry.name).toString('utf8')}`
        found.set(below, entry)
        if (entry.subtree !== undefined) await collect(entry.subtree.ref, below, false)
      }
    }
    await collect(body.root, '', true)
    return found
  }

  /** The bytes of a file, read as a restore reads them. */
  async content(entry: Entry): Promise<Uint8Array> {
    const repo = await this.open()
    await repo.loadIndex()
    const { content } = entry
    if (content === undefined) throw new Error('the file has no content')
    if (content.kind === 'inline') return content.bytes
    const parts: Uint8Array[] = []
    for await (const { length, ref, offset = 0 } of repo.resolveContent(content)) {
      if (ref === undefined) parts.push(new Uint8Array(length))
      else parts.push((await repo.readBlob('data', ref)).slice(offset, offset + length))
    }
    return Buffer.concat(parts)
  }

  #note(event: OperationEvent): void {
    if (event.type === 'warning' || event.type === 'error') this.problems.push(event)
  }
}
