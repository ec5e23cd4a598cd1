// Blobs of the blocks that were looked at last, for one thread. What is backed up again comes in the order in which it was
// stored, so whoever found one blob of a block will soon ask for the next.
import type { BlobPlace } from './blob-place.ts'

/** Slots; a hundred bundles of source code. 576 KiB, touched as they fill. */
const SLOTS = 16_384
/** Locator (6) | block + 1 | offset | length */
const WIDTH = 9

export class RecentBlobs {
  #slots = new Uint32Array(0)

  find(loc: Uint32Array): BlobPlace | undefined {
    const slots = this.#slots
    if (slots.length === 0) return undefined
    const at = slotOf(loc[1]!)
    for (let i = 0; i < 6; i++) if (slots[at + i] !== loc[i]) return undefined
    const block = slots[at + 6]!
    return block === 0 ? undefined : { block: block - 1, offset: slots[at + 7]!, length: slots[at + 8]! }
  }

  /** The locator is in `words` from `from` on. Takes the place of another blob in the slot, not of another copy. */
  keep(words: Uint32Array, from: number, block: number, offset: number, length: number): void {
    if (this.#slots.length === 0) this.#slots = new Uint32Array(SLOTS * WIDTH)
    const slots = this.#slots
    const at = slotOf(words[from + 1]!)
    let isSame = slots[at + 6] !== 0
    for (let i = 0; i < 6; i++) {
      if (slots[at + i] !== words[from + i]) isSame = false
      slots[at + i] = words[from + i]!
    }
    if (isSame) return
    slots[at + 6] = block + 1
    slots[at + 7] = offset
    slots[at + 8] = length
  }
}

function slotOf(word: number): number {
  return (word & (SLOTS - 1)) * WIDTH
}
