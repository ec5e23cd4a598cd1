// The blocks of packs that a client holds in memory: a few numbers of each, in one array, since there are millions.
import { toHex } from '../../base/bytes.ts'
import type { DirectoryBlock } from '../../format/block-table.ts'

/** Numbers kept of each block. */
const BLOCK_WIDTH = 6

/** What a directory says of a block, and where its pack and its session are numbered. */
export interface ListedBlock {
  /** Number of its pack. */
  readonly pack: number
  /** Where it begins in the pack, and its length there with the seal. */
  readonly offset: number
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  /** Session whose secret seals it, 16 bytes. */
  readonly sid: Uint8Array
}

export class BlockList {
  /** Ids of sessions; those that were given come first. */
  readonly #sids: Uint8Array[]
  readonly #sidNumbers = new Map<string, number>()
  #blocks = new Uint32Array(BLOCK_WIDTH * 1024)
  #count = 0

  constructor(sids: readonly Uint8Array[] = []) {
    this.#sids = [...sids]
    for (const [number, sid] of this.#sids.entries()) this.#sidNumbers.set(toHex(sid), number)
  }

  get count(): number {
    return this.#count
  }

  get sessionCount(): number {
    return this.#sids.length
  }

  sid(number: number): Uint8Array {
    return this.#sids[number]!
  }

  /** The number of a session, which it gets when it is asked for first. */
  numberOf(sid: Uint8Array): number {
    const key = toHex(sid)
    let number = this.#sidNumbers.get(key)
    if (number === undefined) {
      number = this.#sids.length
      this.#sids.push(sid.slice())
      this.#sidNumbers.set(key, number)
    }
    return number
  }

  /** `sid`: the number of the session. Gives the place of the block in this list. */
  add(pack: number, offset: number, block: DirectoryBlock, sid: number): number {
    const at = this.#count * BLOCK_WIDTH
    if (at + BLOCK_WIDTH > this.#blocks.length) {
      const larger = new Uint32Array(this.#blocks.length * 2)
      larger.set(this.#blocks)
      this.#blocks = larger
    }
    this.#blocks.set([pack, offset, block.storedLength, block.plainLength, block.codec, sid], at)
    return this.#count++
  }

  packOf(place: number): number {
    return this.#blocks[place * BLOCK_WIDTH]!
  }

  at(place: number): ListedBlock {
    const at = place * BLOCK_WIDTH
    const b = this.#blocks
    return {
      pack: b[at]!,
      offset: b[at + 1]!,
      storedLength: b[at + 2]!,
      plainLength: b[at + 3]!,
      codec: b[at + 4]!,
      sid: this.#sids[b[at + 5]!]!,
    }
  }
}
