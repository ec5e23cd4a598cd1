// Opens the repository for somebody who forgets, holds or brings back: with a writer of this machine that signs the log.
import { hostname } from 'node:os'
import { secureRandom } from '../base/random.ts'
import { checkWritable } from '../repo/descriptions.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import type { TrashOptions } from '../repo/history/trash.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { Context } from './context.ts'
import { whoWorks } from './history.ts'
import { openWith, warnOf, withStore } from './repository.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'

/** Signs records; asked for when there is something to sign, since it may enrol this machine. */
export type Signing = () => Promise<TrashOptions>

export async function withMaintenance<T>(
  context: Context,
  work: (repository: Repository, signing: Signing) => Promise<T>,
): Promise<T> {
  return withStore(
    context,
    async (store) => {
      const repository = await openWith(context, store)
      warnOf(context, repository.problems)
      const { clock } = context
      return work(repository, async () => {
        checkWritable(repository, store.location)
        const state = openStateFolder(stateFolder(context.env))
        const writer = await writerIdentity(repository, {
          state,
          clock,
          random: secureRandom,
          host: hostname(),
          act: 'log',
        })
        return { writer, clock, random: secureRandom, by: whoWorks(context) }
      })
    },
    'write',
  )
}

/** What people named, each once. Throws `not-found`. */
export async function namedSnapshots(repository: Repository, specs: readonly string[]): Promise<SnapshotInfo[]> {
  const found = new Map<string, SnapshotInfo>()
  for (const spec of specs) {
    const snapshot = await repository.findSnapshot(spec)
    found.set(snapshot.id, snapshot)
  }
  return [...found.values()]
}
