// Snapshots of which a store that is not atomic kept only a part when a backup died: not a loss, for that backup was never
// reported as done. They stay in the chain of their writer, whose next snapshot names them.
import { toHex } from '../../base/bytes.ts'
import { ID_SIZE } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import type { SurveyedObject } from './object-survey.ts'
import { hasNamedHash } from './object-verifier.ts'
import type { Verified } from './object-verifier.ts'

/** An object whose bytes are not those its name promises. */
interface TornSnapshot {
  readonly objectName: string
  /** Of its name, hex. */
  readonly wid: string
  readonly id: string
  /** The part in the clear, as far as it is there. */
  readonly bytes: Uint8Array
}

/** What verified objects say of the sessions of all writers; ids in hex. */
export class SessionFacts {
  readonly #torn: TornSnapshot[] = []
  /** Writers by the sessions that they have declared. */
  readonly #declared = new Map<string, string>()
  readonly #ended = new Set<string>()
  /** Those that have a sound snapshot. */
  readonly #committed = new Set<string>()
  /** Hashes of snapshots that sound ones speak of: they were whole once. */
  readonly seen = new Set<string>()

  /** Notes what an object that was verified says of a session. */
  note(parsed: ObjectName, { declaredBy, head }: Verified): void {
    if (parsed.kind === 'session' && declaredBy !== undefined) this.#declared.set(parsed.sid, declaredBy)
    else if (parsed.kind === 'session-end') this.#ended.add(parsed.sid)
    else if (head !== undefined) this.#committed.add(toHex(head.sid))
  }

  /** True for a snapshot that is not what its name promises; `cutOff` and `damaged` tell of it when all facts are known. */
  isTorn({ name, parsed }: SurveyedObject, bytes: Uint8Array): boolean {
    if (parsed.kind !== 'snapshot' || hasNamedHash(parsed, bytes)) return false
    this.#torn.push({ objectName: name, wid: parsed.wid, id: parsed.hash, bytes: bytes.slice(0, HEAD_SIZE) })
    return true
  }

  /** Splits the torn snapshots; names in their order. */
  torn(): { readonly cutOff: readonly string[]; readonly damaged: readonly string[] } {
    const names = this.#torn.toSorted((a, b) => (a.objectName < b.objectName ? -1 : 1))
    const { cutOff = [], damaged = [] } = Object.groupBy(names, (each) => (this.#isCutOff(each) ? 'cutOff' : 'damaged'))
    return { cutOff: cutOff.map(({ objectName }) => objectName), damaged: damaged.map(({ objectName }) => objectName) }
  }

  /** Whether it is what is left of a backup that was under way: a session of its writer began, and neither ended nor has another snapshot. */
  #isCutOff({ wid, id, bytes }: TornSnapshot): boolean {
    if (this.seen.has(id)) return false
    const sid = sessionOf(bytes)
    if (sid !== undefined) return this.#isOpen(sid, wid)
    return [...this.#declared.keys()].some((each) => this.#isOpen(each, wid))
  }

  /** Whether it was declared and has not ended: a backup that is under way, or was killed. */
  isUnfinished(sid: string): boolean {
    return this.#declared.has(sid) && !this.#ended.has(sid)
  }

  #isOpen(sid: string, wid: string): boolean {
    return this.#declared.get(sid) === wid && !this.#ended.has(sid) && !this.#committed.has(sid)
  }
}

/** Where the id of the session stands in the clear (docs/format.md, 7). */
const SID_AT = 80
const HEAD_SIZE = SID_AT + ID_SIZE

/** Undefined when the object ends before it, or may have been written to before it only: the rest is zeros then. */
function sessionOf(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEAD_SIZE || bytes[HEAD_SIZE - 1] === 0) return undefined
  return toHex(bytes.subarray(SID_AT))
}
