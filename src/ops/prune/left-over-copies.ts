// What lies in the trash, stands in the way of a prune, and nobody can bring back: copies that no record names, of snapshots that
// are forgotten. Who has put one may be about to name it, for a day; then it is purged like any other (docs/format.md, 10, T4, and
// docs/decisions/0031). As long as it is there it is never passed over: whoever names it relies on that.
import { BackupError, codeOf } from '../../base/errors.ts'
import { parseObjectName } from '../../format/names.ts'
import { abandonedFromMs, purgeLeftOver, readTrash } from '../../repo/history/trash.ts'
import type { PruneContext } from './context.ts'
import type { DamagedRoots } from './damaged-roots.ts'

/**
 * Purges of what has ended a prune the copies that are nobody's. False when there are none; throws what the prune ended with and
 * says when it will be possible, where there is nothing else in the way than copies that are too young for that.
 */
export async function letGoOfLeftOvers(ctx: PruneContext, error: DamagedRoots): Promise<boolean> {
  const { repo, writer, clock, by, onEvent } = ctx
  if (error.inTrash.size === 0) return false
  const { leftOver, unread } = await readTrash(repo)
  // A record that cannot be read may be the one that names it.
  if (unread.length > 0) return false
  const wanted = leftOver.filter(({ id }) => error.inTrash.has(id))
  if (wanted.length === 0) return false
  const gone = await purgeLeftOver(repo, new Set(wanted.map(({ id }) => id)), { writer, clock, by })
  for (const { objectName } of gone) {
    const message = `${objectName} was left in the trash by somebody who never said that it counts, and was purged`
    onEvent({ type: 'notice', message })
  }
  if (gone.length > 0) return true
  const isOnlyThese = parseObjectName(error.subject)?.kind === 'trash' && wanted.length === error.inTrash.size
  if (!isOnlyThese) return false
  const from = new Date(Math.max(...wanted.flatMap(({ others }) => others.map(abandonedFromMs)))).toISOString()
  throw new BackupError(
    codeOf(error),
    'what somebody may be about to forget cannot be read as a whole',
    error.subject,
    {
      cause: error,
      hint: `no record names it: a prune after ${from.slice(0, 16)}Z takes it away by itself where that is still so`,
    },
  )
}
