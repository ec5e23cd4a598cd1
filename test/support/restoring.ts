// Backs real folders up into a repository in memory and restores them, for tests of restoring and checking.
import { utf8 } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { DEFAULT_PARAMS } from '../../src/chunker/params.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { FileSystemSource } from '../../src/ops/backup/file-system-source.ts'
import { posixFileReader } from '../../src/ops/backup/posix-file-reader.ts'
import type { OperationEvent } from '../../src/ops/events.ts'
import type { RestoreOptions, RestoreResult } from '../../src/ops/restore/options.ts'
import type { RestoreReader } from '../../src/ops/restore/reader.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'

export interface Backed {
  readonly store: MemoryStore
  /** Its index is loaded. */
  readonly repo: Repository
  readonly root: Uint8Array
  /** Opens it as another process does, its index not loaded; through `store` where it is given. */
  open(store?: Store): Promise<Repository>
  /** Another snapshot of the same machine; gives its root. */
  again(source: string): Promise<Uint8Array>
}

/** A new repository in memory with one snapshot of the folder `source`. */
export async function backedUp(source: string, opts: { readonly packSize?: number } = {}): Promise<Backed> {
  await initHashing()
  const store = new MemoryStore()
  const credential = { kind: 'key-file' as const, secret: secureRandom(32) }
  const made = { credential, clock: systemClock, random: secureRandom, chunker: DEFAULT_PARAMS, ...opts }
  await createRepository(store, made)
  const state = memoryState()
  const again = async (folder: string) => {
    const { body } = await runBackup({
      repo: await openRepository(store, credential),
      source: new FileSystemSource({ sources: [{ path: utf8(folder) }], files: { changes: { alwaysRead: true } } }),
      state,
      clock: systemClock,
      random: secureRandom,
      host: 'test',
      user: 'test',
      tool: 'test',
      onEvent: () => {},
      makeExecutor: (setup) => inlineExecutor(setup, posixFileReader),
    })
    return body.root
  }
  const open = (through: Store = store) => openRepository(through, credential)
  const root = await again(source)
  const repo = await open()
  await repo.loadIndex()
  return { store, repo, root, open, again }
}

export interface Restored extends RestoreResult {
  readonly events: readonly OperationEvent[]
  /** `<action> <path>` for each item that was reported. */
  readonly items: readonly string[]
}

/** Restores the content of `path`, in this thread unless `opts` says otherwise. */
export async function restored(
  { repo, root }: { readonly repo: RestoreReader; readonly root: Uint8Array },
  path: string,
  target: string,
  opts: Partial<RestoreOptions> = {},
): Promise<Restored> {
  const events: OperationEvent[] = []
  const result = await restore({
    repo,
    root,
    path: utf8(path),
    target,
    threads: 0,
    fileEvents: true,
    ...opts,
    onEvent: (event) => {
      events.push(event)
      opts.onEvent?.(event)
    },
  })
  const items = events.flatMap((event) =>
    event.type === 'file' ? [`${event.action} ${Buffer.from(event.path).toString()}`] : [],
  )
  return { ...result, events, items }
}

/** `<code> <path>` for each trouble. */
export function troublesOf({ troubles }: RestoreResult): string[] {
  return troubles.map(({ code, path }) => `${code} ${Buffer.from(path).toString()}`).sort()
}
