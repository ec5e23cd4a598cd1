// Whose a session is, as far as what is there tells. The name of its keys is no hash and has no writer in it, and anybody who may
// put into the store can be the first to put parity under a name: without this he could have his own keys take the place of
// damaged ones, and nobody would look for the right ones any more.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { ObjectName } from '../../format/names.ts'
import { readSessionMark } from '../../format/session.ts'
import { readSessionKeys } from '../../format/session-keys.ts'
import type { Verified } from '../check/object-verifier.ts'

/** Ids in hex. */
export class SessionWriters {
  readonly #declared = new Map<string, string>()
  readonly #ended = new Map<string, string>()
  /** Writers of the snapshots that say that they are of a session. */
  readonly #committed = new Map<string, Set<string>>()

  /** Notes what an object that was verified says. */
  note(name: string, parsed: ObjectName, bytes: Uint8Array, { declaredBy, head }: Verified): void {
    if (parsed.kind === 'session' && declaredBy !== undefined) this.#declared.set(parsed.sid, declaredBy)
    if (parsed.kind === 'session-end') this.#ended.set(parsed.sid, toHex(readSessionMark(bytes, name).wid))
    if (head === undefined) return
    const sid = toHex(head.sid)
    this.#committed.set(sid, (this.#committed.get(sid) ?? new Set()).add(toHex(head.wid)))
  }

  /** Throws `corrupt` for keys that another one has signed than he whose session it is. */
  checkKeys(name: string, parsed: ObjectName, bytes: Uint8Array): void {
    if (parsed.kind !== 'session-keys') return
    const writer = this.#writerOf(parsed.sid)
    if (writer === undefined || toHex(readSessionKeys(bytes, name).wid) === writer) return
    throw new BackupError('corrupt', 'another writer has signed it than he whose session it is', name)
  }

  /** Nobody else can have put the intent, since nobody else knew its name before. */
  #writerOf(sid: string): string | undefined {
    const [snapshotBy, ...others] = this.#committed.get(sid) ?? []
    return this.#declared.get(sid) ?? (others.length === 0 ? snapshotBy : undefined) ?? this.#ended.get(sid)
  }
}
