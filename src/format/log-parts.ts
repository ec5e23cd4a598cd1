// What actions of different kinds in log records are made of.
import type { CborReader, CborWriter } from '../base/cbor.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { limitCount, limitedText, readTuple, writeList } from './fields.ts'
import { ID_SIZE, SEQ_MAX } from './names.ts'
import type { WriterHead } from './snapshot-body.ts'

export type ChainName = 'snapshot' | 'record'

/** Each is one object of a writer's chain: of its snapshots, or of its records. */
export type ChainPlace = WriterHead

/** Snapshots forgotten or brought back, or heads accepted as lost, in one record. */
export const LOG_PLACES_MAX = 65_536
/** Bytes of a reason or a note. */
export const LOG_TEXT_MAX = 4096

export function writePlaces(w: CborWriter, places: readonly ChainPlace[]): void {
  limitCount(places, LOG_PLACES_MAX, 'snapshots in one record')
  writeList(w, places, ({ wid, seq, hash }) => w.array(3).bytes(wid).uint(seq).bytes(hash))
}

export function readPlace(r: CborReader): ChainPlace {
  return readTuple(r, 3, () => ({ wid: r.fixed(ID_SIZE), seq: r.uint(SEQ_MAX), hash: r.fixed(HASH_SIZE) }))
}

export function writeText(w: CborWriter, key: number, text: string | undefined): void {
  if (text !== undefined) w.key(key).text(limitedText(text, LOG_TEXT_MAX, 'text of a log record'))
}

export function withReason(reason: string | undefined): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}
