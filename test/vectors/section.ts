// One section of the vectors: a JSON file with values that another implementation reads too (README.md).
import { toHex } from '../../src/base/bytes.ts'
import { CborReader, CborWriter } from '../../src/base/cbor.ts'
import type { ErrorCode } from '../../src/base/errors.ts'

/** Anything that JSON can say; byte strings are hex, integers above 2^53-1 decimal text. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export interface OkCase {
  readonly name: string
  /** Which decoder of the section; one section may cover several objects. */
  readonly kind: string
  readonly bytes: Uint8Array
  /** What the bytes say. */
  readonly value: unknown
}

export interface FailCase {
  readonly name: string
  readonly kind: string
  readonly bytes: Uint8Array
  readonly error: ErrorCode
}

export interface Section {
  readonly file: string
  /** Section of docs/format.md, and what the kinds are. */
  readonly about: string
  /** What is needed to read the cases: keys, identifiers, sizes. */
  readonly given: () => unknown
  readonly ok: () => readonly OkCase[]
  readonly fail: () => readonly FailCase[]
  /** Decodes the bytes of a case; throws BackupError naming `subject`. */
  readonly read: (kind: string, bytes: Uint8Array, subject: string) => unknown
}

/** A section as it stands in its file. */
export function sectionJson(section: Section): Json {
  return toJson({ about: section.about, given: section.given(), ok: section.ok(), fail: section.fail() })
}

/** A value as JSON: byte strings become hex, bigints decimal text, Uint32Arrays arrays. */
export function toJson(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value)
  if (value instanceof Uint32Array) return [...value]
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    return Object.fromEntries(fields.map(([key, field]) => [key, toJson(field)]))
  }
  return value as Json
}

/** An encoded CBOR map with some values replaced by encoded ones, or taken out, as a hostile writer would. */
export function withFields(map: Uint8Array, changes: Readonly<Record<number, Uint8Array | null>>): Uint8Array {
  const values = new Map<number, Uint8Array>()
  const r = new CborReader(map, 'map to be changed')
  r.fields((key) => {
    values.set(key, r.item())
    return true
  })
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) values.delete(Number(key))
    else values.set(Number(key), value)
  }
  const w = new CborWriter().openMap()
  for (const key of [...values.keys()].sort((a, b) => a - b)) w.key(key).raw(values.get(key)!)
  return w.closeMap().finish()
}

/** One encoded item. */
export function cbor(write: (w: CborWriter) => unknown): Uint8Array {
  const w = new CborWriter()
  write(w)
  return w.finish()
}

/** A copy with one byte changed; a negative place counts from the end. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at < 0 ? copy.length + at : at]! ^= 1
  return copy
}
