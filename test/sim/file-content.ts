// The bytes of a file in memory: pieces of data with holes between them. Contents never change, so that whoever keeps one
// keeps what a file held at that time; every change makes a new one that shares what it can.
import { assert } from '../../src/base/assert.ts'

export interface Piece {
  readonly at: number
  readonly bytes: Uint8Array
}

export class FileContent {
  static readonly EMPTY = new FileContent(0, [])
  readonly size: number
  /** Ascending and apart. */
  readonly pieces: readonly Piece[]

  constructor(size: number, pieces: readonly Piece[]) {
    let end = 0
    for (const { at, bytes } of pieces) {
      assert(at >= end && bytes.length > 0, 'pieces ascend, do not overlap and are not empty')
      end = at + bytes.length
    }
    assert(end <= size, 'pieces lie within the file')
    this.size = size
    this.pieces = pieces
  }

  static of(bytes: Uint8Array): FileContent {
    return new FileContent(bytes.length, bytes.length === 0 ? [] : [{ at: 0, bytes }])
  }

  /** Bytes copied to `into`; 0 at the end. Holes read as zeros. */
  read(into: Uint8Array, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.size)
    if (end <= position) return 0
    into.fill(0, offset, offset + end - position)
    for (const { at, bytes } of this.pieces) {
      const from = Math.max(at, position)
      const to = Math.min(at + bytes.length, end)
      if (from < to) into.set(bytes.subarray(from - at, to - at), offset + from - position)
    }
    return end - position
  }

  slice(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, this.read(bytes, 0, length, position))
  }

  /** As SEEK_DATA and SEEK_HOLE tell it: the first data at or after `position` and its end, within `size`. */
  data(position: number, size: number): { readonly start: number; readonly end: number } {
    const index = this.pieces.findIndex(({ at, bytes }) => at + bytes.length > position)
    const piece = this.pieces[index]
    if (piece === undefined || piece.at >= size) return { start: size, end: size }
    let end = piece.at + piece.bytes.length
    for (const next of this.pieces.slice(index + 1)) {
      if (next.at !== end) break
      end += next.bytes.length
    }
    return { start: Math.max(piece.at, position), end: Math.min(end, size) }
  }

  /** True if every byte of the range is zero, in a hole or not. */
  isZero(position: number, length: number): boolean {
    const end = position + length
    return this.pieces.every(({ at, bytes }) => {
      const from = Math.max(at, position)
      const to = Math.min(at + bytes.length, end)
      return from >= to || bytes.subarray(from - at, to - at).every((byte) => byte === 0)
    })
  }

  overwrite(position: number, bytes: Uint8Array): FileContent {
    if (bytes.length === 0) return this
    const kept = this.#without(position, position + bytes.length)
    const pieces = [...kept, { at: position, bytes }].sort((a, b) => a.at - b.at)
    return new FileContent(Math.max(this.size, position + bytes.length), pieces)
  }

  append(bytes: Uint8Array): FileContent {
    return this.overwrite(this.size, bytes)
  }

  /** Everything behind `position` moves. */
  insert(position: number, bytes: Uint8Array): FileContent {
    if (bytes.length === 0) return this
    const before = this.#without(position, Infinity)
    const after = this.#without(0, position).map((piece) => ({ at: piece.at + bytes.length, bytes: piece.bytes }))
    return new FileContent(this.size + bytes.length, [...before, { at: position, bytes }, ...after])
  }

  /** Cuts off, or adds a hole at the end. */
  resize(size: number): FileContent {
    return new FileContent(size, this.#without(size, Infinity))
  }

  punchHole(position: number, length: number): FileContent {
    return new FileContent(this.size, this.#without(position, position + length))
  }

  #without(start: number, end: number): Piece[] {
    return this.pieces.flatMap(({ at, bytes }) => {
      const pieces: Piece[] = []
      const pieceEnd = at + bytes.length
      if (at < start) pieces.push({ at, bytes: bytes.subarray(0, Math.min(bytes.length, start - at)) })
      if (pieceEnd > end) {
        const from = Math.max(at, end)
        pieces.push({ at: from, bytes: bytes.subarray(from - at) })
      }
      return pieces
    })
  }
}
