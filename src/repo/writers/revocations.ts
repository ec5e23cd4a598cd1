// Writers that are revoked, and what of theirs counts all the same (docs/format.md, 9.4). Whoever has the key of a writer
// can sign at any place of its chains, so what counts is known by its hash and not by its number alone.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { LogBody, RecordPlace } from '../../format/log-record.ts'

/** Who has revoked a writer, and when. */
export interface RevokingRecord {
  readonly objectName: string
  readonly body: LogBody
}

export interface Revocation {
  /** Number of the first snapshot that does not count. */
  readonly fromSeq: number
  /** Snapshots before it that count, hex. */
  readonly snapshots: ReadonlySet<string>
  /** The last of its records that counts; undefined when none does. */
  readonly lastRecord: RecordPlace | undefined
  /** The one that takes away most. */
  readonly record: RevokingRecord
}

/** By the id of the writer, hex. */
export type Revocations = ReadonlyMap<string, Revocation>

/** What records of kind revoke, signed by those who may, come to: of several for one writer all hold. */
export function revocationsOf(records: Iterable<RevokingRecord>): Revocations {
  const revoked = new Map<string, Revocation>()
  for (const record of records) {
    const { action } = record.body
    if (action.kind !== 'revoke') continue
    const wid = toHex(action.wid)
    const found = {
      fromSeq: action.fromSeq,
      snapshots: new Set(action.snapshots.map(toHex)),
      lastRecord: action.lastRecord,
      record,
    }
    const known = revoked.get(wid)
    revoked.set(wid, known === undefined ? found : both(known, found))
  }
  return revoked
}

function both(a: Revocation, b: Revocation): Revocation {
  const stricter = b.fromSeq < a.fromSeq ? b : a
  const none = a.lastRecord === undefined || b.lastRecord === undefined
  return {
    fromSeq: stricter.fromSeq,
    snapshots: new Set([...a.snapshots].filter((id) => b.snapshots.has(id))),
    lastRecord: none ? undefined : a.lastRecord.seq <= b.lastRecord.seq ? a.lastRecord : b.lastRecord,
    record: stricter.record,
  }
}

interface Place {
  /** Hex. */
  readonly wid: string
  readonly seq: number
  readonly id: string
}

/** The revocation by which a snapshot does not count; undefined when it does. */
export function revocationOf({ wid, seq, id }: Place, revoked: Revocations): Revocation | undefined {
  const found = revoked.get(wid)
  return found === undefined || (seq < found.fromSeq && found.snapshots.has(id)) ? undefined : found
}

export interface ChainedRecord extends Place {
  /** Hash of the record before, hex. */
  readonly previous: string | undefined
}

/** Those of one revoked writer's records that count. `chain` has all of them that can be read. */
export function countingRecords<T extends ChainedRecord>(
  chain: readonly T[],
  { lastRecord }: Pick<Revocation, 'lastRecord'>,
): T[] {
  if (lastRecord === undefined) return []
  const bySeq = Map.groupBy(chain, ({ seq }) => seq)
  const counting: T[] = []
  // The hash that the chain says for a number; unknown where the record above cannot be read.
  let expected: string | undefined = toHex(lastRecord.hash)
  for (let { seq } = lastRecord; seq >= 1; seq--) {
    const there = bySeq.get(seq) ?? []
    const found: T | undefined =
      expected === undefined ? (there.length === 1 ? there[0] : undefined) : there.find(({ id }) => id === expected)
    if (found !== undefined) counting.push(found)
    expected = found?.previous
  }
  return counting
}

interface TrustedRepository {
  readonly trust: { revoked(): Promise<Revocations> }
  readonly store: { readonly location: string }
}

/** Throws `refused` for a writer that is revoked: what it signs from now on does not count. */
export async function checkNotRevoked({ trust, store }: TrustedRepository, wid: Uint8Array): Promise<void> {
  const revocation = (await trust.revoked()).get(toHex(wid))
  if (revocation === undefined) return
  const { by, action } = revocation.record.body
  const reason = 'reason' in action && action.reason !== undefined ? ` (${action.reason})` : ''
  throw new BackupError('refused', `this machine was revoked by ${by}${reason}`, store.location, {
    hint: 'nothing that it signs counts any more; if it is to go on, ask to be let in anew: `holdfast enroll request --anew`',
  })
}
