// What the codecs of CBOR objects share. None of this is on a hot path.
import type { CborReader, CborWriter, RawField } from '../base/cbor.ts'
import { asBuffer, compareBytes, displayText, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'

/** The value of a field that every object of its kind has. */
export function need<T>(r: CborReader, value: T | undefined, what: string): T {
  if (value === undefined) throw r.corrupt(`has no ${what}, which belongs`)
  return value
}

/** An array of 0 to `max` items. */
export function readList<T>(r: CborReader, max: number, readItem: () => T): T[] {
  const count = r.array(max)
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(readItem())
  r.leave()
  return items
}

/** An array of 1 to `max` items: where none would be, the field is left out. */
export function readFilledList<T>(r: CborReader, max: number, readItem: () => T): T[] {
  const items = readList(r, max, readItem)
  if (items.length === 0) throw r.corrupt('has an empty list that belongs left out,')
  return items
}

/** An array of `length` items of different kinds, read by `readItems`. */
export function readTuple<T>(r: CborReader, length: number, readItems: () => T): T {
  if (r.array() !== length) throw r.corrupt(`has a list that is not of ${length} items,`)
  const items = readItems()
  r.leave()
  return items
}

export function writeList<T>(w: CborWriter, items: readonly T[], writeItem: (item: T) => unknown): void {
  w.array(items.length)
  for (const item of items) writeItem(item)
}

/** `text`, unless it has more than `max` bytes: then `limit`, for what people or machines may choose. */
export function limitedText(text: string, max: number, what: string): string {
  const size = utf8(text).length
  if (size > max) throw new BackupError('limit', `${what} of ${size} bytes is longer than ${max}`, text.slice(0, 100))
  return text
}

/** The beginning of `text` that has at most `max` bytes. */
export function clippedText(text: string, max: number): string {
  const bytes = utf8(text)
  if (bytes.length <= max) return text
  let end = max
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return displayText(asBuffer(bytes).subarray(0, end))
}

/** Throws `limit` when a list is longer than a reader takes. */
export function limitCount(items: readonly unknown[], max: number, what: string): void {
  if (items.length > max) throw new BackupError('limit', `there are more than ${max}`, what)
}

/** Whether byte strings ascend, none twice. */
export function ascend(items: readonly Uint8Array[]): boolean {
  return items.every((item, i) => i === 0 || compareBytes(items[i - 1]!, item) < 0)
}

/** `unknown` as a property only where there is something unknown, for exact optional types. */
export function withUnknown(unknown: readonly RawField[] | undefined): { readonly unknown?: readonly RawField[] } {
  return unknown === undefined ? {} : { unknown }
}

/** A field that is there only where it is true. */
export function readTrue(r: CborReader): true {
  if (r.bool()) return true
  throw r.corrupt('has a false where only true stands')
}
