// The small blobs that a rule compresses in another way than most. Files of several methods alternate in the walk, so each
// method has a bundle of its own; those of the default one lie in the arena, where files are read to, these are copied.
import { uninitialised } from '../../base/bytes.ts'

export interface NewBlob {
  readonly ref: Uint8Array
  readonly loc: Uint8Array
  readonly length: number
}

export class SideBundle {
  readonly #bytes: Uint8Array
  readonly blobs: NewBlob[] = []
  #end = 0

  /** `size`: bytes that it may take at most. */
  constructor(size: number) {
    this.#bytes = uninitialised(size)
  }

  get plain(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  add(bytes: Uint8Array, blob: NewBlob): void {
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.byteLength
    this.blobs.push(blob)
  }

  empty(): void {
    this.blobs.length = 0
    this.#end = 0
  }
}
