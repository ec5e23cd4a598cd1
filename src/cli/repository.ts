// Opens the repository that a command is about, and closes it whatever happens.
import type { Unlocked } from '../repo/keyring.ts'
import type { Repository } from '../repo/repository.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { findCredential } from './secrets.ts'
import { openStoreAt, repositoryLocation } from './stores.ts'

/** Runs `work` on the repository with its index loaded. Throws what opening throws: `not-found`, `wrong-key` … */
export async function withRepository<T>(context: Context, work: (repository: Repository) => Promise<T>): Promise<T> {
  return withOpenRepository(context, async (repository) => {
    await repository.loadIndex()
    return work(repository)
  })
}

/** The same without the index: enough for snapshots, and for a check, which finds out what is wrong with the index. */
export async function withOpenRepository<T>(
  context: Context,
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  return withStore(context, async (store) => work(await openWith(context, store)))
}

/** Opens with the credential that is given or asked for. */
export async function openWith(context: Context, store: Store): Promise<Repository> {
  const [{ openRepository }, { initHashing }] = await Promise.all([
    import('../repo/open-repository.ts'),
    import('../crypto/hash.ts'),
  ])
  const credential = await findCredential(context, store.location)
  await initHashing()
  return openRepository(store, credential)
}

export interface UnlockedStore {
  readonly store: Store
  readonly description: RepoDescription
  readonly unlocked: Unlocked
}

/** Runs `work` on the key slots of the repository, opened by the credential in use. */
export async function withKeys<T>(context: Context, work: (opened: UnlockedStore) => Promise<T>): Promise<T> {
  const [{ readDescription }, { openWithCredential }, { initHashing }] = await Promise.all([
    import('../repo/open-repository.ts'),
    import('../repo/keyring.ts'),
    import('../crypto/hash.ts'),
  ])
  return withStore(context, async (store) => {
    await initHashing()
    const description = await readDescription(store)
    const credential = await findCredential(context, store.location)
    const unlocked = await openWithCredential({ store, repoId: description.repoId }, credential)
    for (const problem of unlocked.problems) context.reporter.warn(problem.message)
    return work({ store, description, unlocked })
  })
}

/** Runs `work` on the store alone: no key is asked for. */
export async function withStore<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  const { location } = await repositoryLocation(context)
  const store = await openStoreAt(context, location, false)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
