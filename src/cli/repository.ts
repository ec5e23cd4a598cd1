// Opens the repository that a command is about, and closes it whatever happens.
import { type BackupError, reasonsOf } from '../base/errors.ts'
import type { Credential } from '../credentials/credential.ts'
import type { UnlockedRepository } from '../repo/open-repository.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import type { Store } from '../store/store.ts'
import type { ProblemEvent } from '../ops/events.ts'
import { localIndexOptions } from './cache-folder.ts'
import type { Context } from './context.ts'
import { knowingRoot } from './known-roots.ts'
import { checkTask, opening } from './opening.ts'
import { findCredential } from './secrets.ts'
import { openStoreAt, repositoryLocation } from './stores.ts'

/**
 * Runs `work` on the repository; its index is loaded, or `readerOf` loads that of a snapshot's domain. Warns of what is wrong
 * with it. Throws what opening throws: `not-found`, `wrong-key` …
 */
export async function withRepository<T>(context: Context, work: (repository: Repository) => Promise<T>): Promise<T> {
  return withOpenRepository(context, async (repository) => {
    // With several domains it is known later which of them are read.
    if (repository.inDomains.length === 1) await loadIndexOf(context, repository)
    return work(repository)
  })
}

/** The repository in the domain of a snapshot, with its index loaded. */
export async function readerOf(
  context: Context,
  repository: Repository,
  snapshot: Pick<SnapshotInfo, 'body'>,
): Promise<Repository> {
  const own = repository.of(snapshot)
  if (!own.isIndexLoaded) await loadIndexOf(context, own)
  return own
}

export async function loadIndexOf(context: Context, repository: Repository): Promise<void> {
  await repository.loadIndex()
  warnOf(context, repository.index.damaged, '; what no other segment names is looked for in the packs')
  repository.onIncompleteIndex = (packs) => context.reporter.onEvent(incompleteIndex(packs))
}

function incompleteIndex(packs: number): ProblemEvent {
  const what = packs === 1 ? '1 pack is' : `${packs} packs are`
  const message = `the index is incomplete: ${what} in no segment of it and read all the same; a backup indexes them again, \`holdfast check\` tells more`
  return { type: 'warning', code: 'not-found', fact: 'index-incomplete', message }
}

/** The same without the index: enough for snapshots. */
export async function withOpenRepository<T>(
  context: Context,
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  return withStore(context, async (store) => {
    const repository = await openWith(context, store)
    warnOf(context, repository.problems)
    return work(repository)
  })
}

/**
 * Opens with the credential that is given or asked for, and compares with what this machine saw before: throws `rolled-back`.
 * `meanwhile` is called once the credential is at hand: making a key of it takes a while, and needs one processor.
 */
export async function openWith(context: Context, store: Store, meanwhile?: () => void): Promise<Repository> {
  const repository = await openUncompared(context, store, meanwhile)
  const { compareHistory } = await import('./history.ts')
  await compareHistory(context, repository)
  return repository
}

/** For who looks into the history itself. */
export async function openUncompared(context: Context, store: Store, meanwhile?: () => void): Promise<Repository> {
  const [{ unlockRepository }, { readDescriptions }, { Repository }, { initHashing }] = await Promise.all([
    import('../repo/open-repository.ts'),
    import('../repo/descriptions.ts'),
    import('../repo/repository.ts'),
    import('../crypto/hash.ts'),
  ])
  const found = await findCredential(context, store)
  meanwhile?.()
  await initHashing()
  const repository = await opening(found, store.location, async (credential, tried) => {
    const unlocked = await knowingRoot(context, store.location, credential, async (root) =>
      unlockRepository(store, await readDescriptions(store), credential, root),
    )
    checkTask(context, unlocked.bundle.role, store.location, tried.description)
    const opened = new Repository({ store, ...unlocked })
    for (const each of opened.inDomains) each.machineSeed = tried.writerSeed
    return opened
  })
  for (const each of repository.inDomains) each.keepIndexIn(localIndexOptions(context))
  return repository
}

/** Problems of one kind that are told one by one. */
const WARNINGS_MAX = 20

/** Warns of what does not stop the command, with what follows from it. */
export function warnOf({ reporter }: Context, problems: readonly BackupError[], consequence = ''): void {
  for (const problem of problems.slice(0, WARNINGS_MAX)) {
    reporter.onEvent({ type: 'warning', code: problem.code, message: `${reasonsOf(problem)}${consequence}` })
  }
  const [next] = problems.slice(WARNINGS_MAX)
  if (next === undefined) return
  const message = `${problems.length - WARNINGS_MAX} more problems like these; \`holdfast check\` names them`
  reporter.onEvent({ type: 'warning', code: next.code, message })
}

export interface UnlockedStore {
  readonly store: Store
  readonly unlocked: UnlockedRepository
  /** The same, compared with what this machine saw before; undefined for a key that has no domain. */
  readonly repository?: Repository
}

export interface OpenedStore extends UnlockedStore {
  /** What opened it. */
  readonly credential: Credential
}

/** Runs `work` on the key slots of the repository, opened by the credential in use. */
export async function withKeys<T>(
  context: Context,
  mode: StoreMode,
  work: (opened: OpenedStore) => Promise<T>,
): Promise<T> {
  const [
    { checkWritable, readDescriptions },
    { unlockRepository },
    { Repository },
    { initHashing },
    { compareHistory },
  ] = await Promise.all([
    import('../repo/descriptions.ts'),
    import('../repo/open-repository.ts'),
    import('../repo/repository.ts'),
    import('../crypto/hash.ts'),
    import('./history.ts'),
  ])
  return withStore(
    context,
    async (store) => {
      await initHashing()
      const descriptions = await readDescriptions(store)
      const found = await findCredential(context, store)
      const { unlocked, credential } = await opening(found, store.location, async (each, { description }) => {
        const opened = await knowingRoot(context, store.location, each, (root) =>
          unlockRepository(store, descriptions, each, root),
        )
        checkTask(context, opened.bundle.role, store.location, description)
        return { unlocked: opened, credential: each }
      })
      warnOf(context, unlocked.problems)
      const repository = unlocked.bundle.domains.length === 0 ? undefined : new Repository({ store, ...unlocked })
      for (const each of repository?.inDomains ?? []) each.keepIndexIn(localIndexOptions(context))
      if (repository !== undefined) await compareHistory(context, repository)
      if (mode === 'write') checkWritable(unlocked, store.location)
      return work({ store, unlocked, credential, ...(repository !== undefined && { repository }) })
    },
    mode,
  )
}

/** What a command may do to the store: whatever only reads gets one that cannot be written to, whatever its mistakes. */
export type StoreMode = 'read' | 'write'

/** Runs `work` on the store alone: no key is asked for. */
export async function withStore<T>(
  context: Context,
  work: (store: Store) => Promise<T>,
  mode: StoreMode = 'read',
): Promise<T> {
  const [{ location }, { ReadOnlyStore }] = await Promise.all([
    repositoryLocation(context),
    import('../store/read-only-store.ts'),
  ])
  const opened = await openStoreAt(context, location, false)
  const store = mode === 'read' ? new ReadOnlyStore(opened) : opened
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
