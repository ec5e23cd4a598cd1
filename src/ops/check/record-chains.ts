// Records of the log form chains as snapshots do, and none is ever deleted: one that a later record follows has to be there,
// unless it is known to be lost.
import { toHex } from '../../base/bytes.ts'
import type { LogRecordHead } from '../../format/log-record.ts'
import { logName } from '../../format/names.ts'
import { keyOfPlace, LogFacts } from '../../repo/history/log-facts.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/history/log.ts'
import type { Repository } from '../../repo/repository.ts'
import type { Survey } from './object-survey.ts'

export class RecordChains {
  readonly #sound = new Set<string>()
  readonly #heads: LogRecordHead[] = []

  /** A record that was verified. */
  note(name: string, head: LogRecordHead): void {
    this.#sound.add(name)
    this.#heads.push(head)
  }

  /** Adds the records that are missing to the damage, each under its own name: who has parity or another copy can bring it back. */
  async check(repo: Repository, { store, damage, checkStopped }: Survey): Promise<void> {
    const open = this.#heads
      .filter(({ seq }) => seq > 1)
      .map(({ wid, seq, previous }) => ({ wid: toHex(wid), seq: seq - 1, id: toHex(previous) }))
      .map((place) => ({ ...place, name: logName(place.wid, place.seq, place.id) }))
      .filter(({ name }) => !this.#sound.has(name))
    if (open.length === 0) return
    const revoked = await repo.trust.revoked()
    const { lostRecords } = new LogFacts((await readLog(repo, { roles: EXPLAINING_ROLES })).records)
    for (const { name, wid, seq, id } of open) {
      checkStopped()
      // Whoever has the key of a revoked writer can sign what follows nothing.
      if (revoked.has(wid) || lostRecords.has(keyOfPlace(wid, seq, id))) continue
      // One that is damaged is there, and so is one that the list does not show yet.
      if ((await store.stat(name)) !== null) continue
      damage.add(name, 'not-found', `record ${seq + 1} of its writer follows it, and it is not there`)
    }
  }
}
