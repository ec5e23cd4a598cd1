// Reads nodes of trees that differ little from one another, as those of one directory in many snapshots do: an entry whose
// encoding was read before is passed over. An encoding says itself where it ends, so whatever begins with all its bytes
// begins with that entry.
import { decodeEntry } from './entry.ts'
import type { Entry } from './entry-model.ts'
import type { NodeEnds } from './node-order.ts'
import { readTreeNode } from './tree-node.ts'
import type { InnerNode } from './tree-node.ts'

/** Bytes of encodings kept, those of about 100,000 files, of which the oldest give way. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024
/** A power of two, as the other is. */
const KEPT_BYTES_MIN = 64 * 1024
/** Longer entries are read each time. */
const ENTRY_BYTES_MAX = 4095
/** Takes 2 MiB. */
const SLOTS = 2 ** 18
/** Slots in which one entry may be, so that few of them are in the way of one another. */
const PROBES = 4
/** After 4 GiB words, 16 GiB of encodings, nothing is kept any more. */
const PLACE_MAX = 0xffff_0000
/** Bytes by which an entry is looked for, a multiple of four: its name, times and mostly its inode number are among them. */
const HASHED_BYTES = 96

/** An entry that was not known, and where in its node the encoding lies. */
export interface FreshEntry {
  readonly entry: Entry
  readonly start: number
  readonly end: number
}

/** A leaf without the entries that were known. */
export interface FreshLeaf extends NodeEnds {
  readonly level: 0
  /** Entries, known ones among them. */
  readonly count: number
  readonly fresh: readonly FreshEntry[]
  readonly view: DataView
}

export type FreshNode = FreshLeaf | InnerNode

/**
 * Reads a node as `decodeTreeNode` does; `corrupt` naming `subject` if it breaks any rule. Not for the topmost nodes of a
 * snapshot, whose names are paths.
 */
export function decodeFreshNode(bytes: Uint8Array, subject: string, known: KnownEntries): FreshNode {
  return readTreeNode(bytes, subject, {}, (r, count, rule) => {
    const fresh: FreshEntry[] = []
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    // Names as ranges of the node: a view of each would cost more than all the rest.
    let firstEnd = 0
    let place = 0
    let [firstStart, lastStart, lastEnd] = [0, 0, 0]
    for (let i = 0; i < count; i++) {
      const start = r.position
      let nameStart: number
      let nameEnd: number
      place = known.find(view, start, place)
      if (place !== 0) {
        r.pass(known.length(place))
        nameStart = start + known.nameStart(place)
        nameEnd = nameStart + known.nameLength(place)
      } else {
        const entry = decodeEntry(r, rule)
        fresh.push({ entry, start, end: r.position })
        nameStart = entry.name.byteOffset - bytes.byteOffset
        nameEnd = nameStart + entry.name.length
      }
      if (i === 0) [firstStart, firstEnd] = [nameStart, nameEnd]
      else if (!isBefore(bytes, lastStart, lastEnd, nameStart, nameEnd)) throw r.corrupt('has entries out of order')
      lastStart = nameStart
      lastEnd = nameEnd
    }
    const nameAt = (start: number, end: number) => (count === 0 ? undefined : bytes.subarray(start, end))
    return { count, fresh, view, first: nameAt(firstStart, firstEnd), last: nameAt(lastStart, lastEnd) }
  })
}

/**
 * Encodings of entries about which there is nothing more to be found out, in the order in which they were found: what follows one
 * in a leaf mostly follows it here too. Each has a word before it,
 *
 *   length | where in it the name begins << 12 | length of the name << 16
 *
 * and its place counts the words of everything that was ever kept, which tells what was overwritten since. A slot of the table by
 * which the others are found has a hash and a place.
 */
export class KnownEntries {
  #kept = new Uint8Array(KEPT_BYTES_MIN)
  #view = new DataView(this.#kept.buffer)
  readonly #slots = new Uint32Array(SLOTS * 2)
  /** The place of the next one. */
  #end = 1

  /** The place of the entry that begins at `at`, 0 when it is not known; `before` is that of the one before it, if known. */
  find(leaf: DataView, at: number, before: number): number {
    if (before !== 0) {
      const next = before + wordsOf(this.length(before))
      if (this.#is(next, leaf, at)) return next
    }
    const hash = hashOf(leaf, at)
    const slots = this.#slots
    const first = firstSlot(hash)
    for (let slot = first; slot < first + PROBES * 2; slot += 2) {
      if (slots[slot] === hash && this.#is(slots[slot + 1]!, leaf, at)) return slots[slot + 1]!
    }
    return 0
  }

  #is(place: number, leaf: DataView, at: number): boolean {
    if (place === 0 || place >= this.#end || this.#end - place > KEPT_BYTES_MAX / 4) return false
    const length = this.length(place)
    if (length === 0 || length > leaf.byteLength - at) return false
    const kept = this.#view
    const from = keptAt(place) + 4
    let i = 0
    for (; i + 4 <= length; i += 4) if (kept.getInt32(from + i, true) !== leaf.getInt32(at + i, true)) return false
    for (; i < length; i++) if (kept.getUint8(from + i) !== leaf.getUint8(at + i)) return false
    return true
  }

  length(place: number): number {
    return this.#view.getUint32(keptAt(place), true) & 0xfff
  }

  /** Within the encoding. */
  nameStart(place: number): number {
    return (this.#view.getUint32(keptAt(place), true) >>> 12) & 0xf
  }

  nameLength(place: number): number {
    return this.#view.getUint32(keptAt(place), true) >>> 16
  }

  /** Keeps an entry of a leaf. */
  add({ view: leaf }: FreshLeaf, { entry: { name }, start, end }: FreshEntry): void {
    const length = end - start
    if (length > ENTRY_BYTES_MAX || this.#end > PLACE_MAX) return
    this.#makeRoom(wordsOf(length) * 4)
    const place = this.#end
    const nameStart = name.byteOffset - leaf.byteOffset - start
    this.#view.setUint32(keptAt(place), length | (nameStart << 12) | (name.length << 16), true)
    this.#kept.set(new Uint8Array(leaf.buffer, leaf.byteOffset + start, length), keptAt(place) + 4)
    this.#end += wordsOf(length)
    const hash = hashOf(leaf, start)
    const slot = this.#oldestOf(firstSlot(hash))
    this.#slots[slot] = hash
    this.#slots[slot + 1] = place
  }

  #makeRoom(bytes: number): void {
    while (this.#end * 4 + bytes > this.#kept.length && this.#kept.length < KEPT_BYTES_MAX) {
      const larger = new Uint8Array(this.#kept.length * 2)
      larger.set(this.#kept)
      this.#kept = larger
      this.#view = new DataView(larger.buffer)
    }
    const room = KEPT_BYTES_MAX - keptAt(this.#end)
    if (room >= bytes) return
    this.#view.setUint32(keptAt(this.#end), 0) // what ends here is followed by nothing
    this.#end += room / 4
  }

  #oldestOf(first: number): number {
    const slots = this.#slots
    let oldest = first
    for (let slot = first; slot < first + PROBES * 2; slot += 2) {
      if (slots[slot + 1]! < slots[oldest + 1]!) oldest = slot
    }
    return oldest
  }
}

/** Of a short entry what follows it counts too: then it may not be found. */
function hashOf(leaf: DataView, at: number): number {
  const end = Math.min(at + HASHED_BYTES, leaf.byteLength - 3)
  let hash = 0
  for (let i = at; i < end; i += 4) {
    hash = Math.imul(hash ^ leaf.getInt32(i, true), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

function firstSlot(hash: number): number {
  return (hash & (SLOTS - 1) & -PROBES) * 2
}

/** With the word before it. */
function wordsOf(length: number): number {
  return 1 + Math.ceil(length / 4)
}

function keptAt(place: number): number {
  return (place * 4) & (KEPT_BYTES_MAX - 1)
}

function isBefore(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): boolean {
  const shared = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < shared; i++) {
    const a = bytes[aStart + i]!
    const b = bytes[bStart + i]!
    if (a !== b) return a < b
  }
  return aEnd - aStart < bEnd - bStart
}
