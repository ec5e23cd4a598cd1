// Names of many packs: 32 bytes each, in order, instead of a text and its place in a set, which take five times as much. A
// plan may name hundreds of thousands.
import { asBuffer, compareBytes, fromHex } from '../../base/bytes.ts'
import { HASH_SIZE } from '../../crypto/hash.ts'
import { packName, parseObjectName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'

/** Names of packs, however they are kept. */
export interface PackSet {
  has(name: string): boolean
}

export class PackNames implements PackSet {
  readonly #hashes: Readonly<Record<PackKind, Uint8Array>>

  constructor(hashes: Readonly<Record<PackKind, readonly Uint8Array[]>>) {
    this.#hashes = { data: inOrder(hashes.data), meta: inOrder(hashes.meta) }
  }

  get size(): number {
    return this.countOf('data') + this.countOf('meta')
  }

  countOf(kind: PackKind): number {
    return this.#hashes[kind].length / HASH_SIZE
  }

  has(name: string): boolean {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'pack') return false
    const hash = asBuffer(fromHex(parsed.hash)!)
    const hashes = asBuffer(this.#hashes[parsed.packKind])
    let low = 0
    let high = hashes.length / HASH_SIZE
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = middle * HASH_SIZE
      const order = hash.compare(hashes, at, at + HASH_SIZE)
      if (order === 0) return true
      if (order < 0) high = middle
      else low = middle + 1
    }
    return false
  }

  *[Symbol.iterator](): Generator<string> {
    for (const kind of ['data', 'meta'] as const) {
      const hashes = this.#hashes[kind]
      for (let at = 0; at < hashes.length; at += HASH_SIZE) yield packName(kind, hashes.subarray(at, at + HASH_SIZE))
    }
  }
}

function inOrder(hashes: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(hashes.length * HASH_SIZE)
  for (const [i, one] of hashes.toSorted(compareBytes).entries()) packed.set(one, i * HASH_SIZE)
  return packed
}
