// Damage that costs nobody anything: of packs that no snapshot needs. That is certain only where everything that could need them
// was read, what lies in the trash too.
import { BackupError } from '../../base/errors.ts'
import { snapshotName } from '../../format/names.ts'
import { foreignOf } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import type { OpenedSnapshot } from '../../repo/history/snapshot-catalog.ts'
import { listTrash } from '../../repo/history/trash.ts'
import { AffectedWalk } from './affected.ts'
import { isDamage } from './damage.ts'
import { givenUpInTrash } from './given-up.ts'
import type { CheckedIndex } from './index-check.ts'
import type { Survey } from './object-survey.ts'
import type { CheckCounts } from './options.ts'

export interface UnneededContext {
  readonly repo: Repository
  readonly indexes: readonly CheckedIndex[]
  readonly counts: CheckCounts
  /** Names of all snapshots that are in their places. */
  readonly present: ReadonlySet<string>
  readonly survey: Survey
}

const STORED_AGAIN = 'nothing needs this pack any more: what was in there is stored again'

/** Of a damaged pack that is distrusted everything that is needed is elsewhere, where no snapshot needs it. */
export function passOverSuperseded({ indexes, survey: { damage }, counts }: UnneededContext): void {
  for (const { index } of indexes) {
    for (const name of index.distrusted) if (damage.dropUnneeded(name, STORED_AGAIN)) counts.packsSuperseded++
  }
}

/**
 * Packs that the index names, that are gone, and that nobody needs: a prune was cut off, or a store restored. Does nothing where
 * anything else is damaged or cannot be read: it may need them.
 */
export async function passOverGone(ctx: UnneededContext): Promise<void> {
  const { indexes, counts } = ctx
  const { damage, unreadable } = ctx.survey
  const gone = indexes.flatMap(({ broken }) =>
    [...broken.packs].flatMap(([name, { code, snapshots }]) => (code === 'not-found' && snapshots === 0 ? [name] : [])),
  )
  if (gone.length === 0 || damage.count !== gone.length || unreadable.length > 0) return
  if (!(await walkTrash(ctx)) || damage.count !== gone.length) return
  for (const name of gone) if (damage.dropUnneeded(name)) counts.packsGone++
}

/** Notes what each broken part costs the snapshots in the trash. False when one of them cannot be read. */
async function walkTrash({ repo, indexes, present, survey }: UnneededContext): Promise<boolean> {
  const { damage, checkStopped } = survey
  const givenUp = await givenUpInTrash(repo, present)
  const opened = new Map<string, OpenedSnapshot>()
  for (const listed of await listTrash(repo)) {
    checkStopped()
    const { wid, seq, id, objectName } = listed
    if (opened.has(id) || present.has(snapshotName(wid, seq, id))) continue
    try {
      const snapshot = await repo.catalog.open(listed)
      if (snapshot !== undefined) opened.set(id, snapshot)
    } catch (error) {
      if (foreignOf(error) !== undefined || isNotPermitted(error) || givenUp.has(objectName)) continue
      if (error instanceof BackupError && isDamage(error)) return false
      throw error
    }
  }
  for (const { repo: own, broken } of indexes) {
    const walk = new AffectedWalk(own, broken, damage, (ref) => own.blobKeys.locOf(ref))
    for (const snapshot of opened.values()) {
      checkStopped()
      if (repo.of(snapshot) === own) await walk.snapshot(snapshot.id, snapshot.body.root)
    }
  }
  return true
}
