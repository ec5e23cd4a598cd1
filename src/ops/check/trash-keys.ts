// The keys of what can be brought back. A snapshot in the trash may be of a session that has stored no pack, as one in which nothing
// had changed: then nothing else speaks of its keys, and without them it can be neither read nor brought back.
import { BackupError } from '../../base/errors.ts'
import { sessionKeysName } from '../../format/names.ts'
import type { SnapshotHead } from '../../format/snapshot.ts'
import { snapshotSealer } from '../../repo/history/snapshot-catalog.ts'
import { foreignOf } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import { isDamage } from './damage.ts'
import type { Survey } from './object-survey.ts'

export class TrashKeys {
  readonly #heads = new Map<string, SnapshotHead>()

  /** Notes a copy that a record names: of another one nobody says that what it needs is there. */
  note(name: string, head: SnapshotHead): void {
    this.#heads.set(name, head)
  }

  /** Adds to the damage the keys that cannot be had. Those that were purged meanwhile are looked for again with all that is missing. */
  async check(repo: Repository, { damage, checkStopped }: Survey): Promise<void> {
    for (const [name, { wid, sid }] of this.#heads) {
      checkStopped()
      try {
        const writer = await repo.writers.writer(wid, 'snapshot', name)
        await snapshotSealer(repo, sid, writer, name)
      } catch (cause) {
        if (!(cause instanceof BackupError)) throw cause
        if (foreignOf(cause) !== undefined || isNotPermitted(cause)) continue
        if (!isDamage(cause)) throw cause
        damage.addError(cause, sessionKeysName(sid))
      }
    }
  }
}
