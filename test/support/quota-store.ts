// A store that gets full as a disk or a quota does: what does not fit is refused, what is smaller may still fit.
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError } from '../../src/base/errors.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'

/** Room for so many bytes, or for so many objects and then only for smaller ones than the first that found none. */
export type Room = { readonly bytes: number } | { readonly objects: number }

export class QuotaStore extends Passing {
  readonly #room: Room
  /** What a put takes at least, in milliseconds. */
  readonly #putMs: number
  #bytes = 0
  #smallestRefused = Infinity
  /** In the order in which they came. */
  readonly stored: string[] = []

  constructor(inner: Store, room: Room, putMs = 0) {
    super(inner)
    this.#room = room
    this.#putMs = putMs
  }

  /** How many objects with this prefix were stored. */
  count(prefix: string): number {
    return this.stored.filter((name) => name.startsWith(prefix)).length
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (this.#putMs > 0) await sleep(this.#putMs)
    const size = parts.reduce((sum, part) => sum + part.byteLength, 0)
    if (!this.#fits(size)) {
      this.#smallestRefused = Math.min(this.#smallestRefused, size)
      const cause = Object.assign(new Error('EDQUOT: disk quota exceeded, write'), { code: 'EDQUOT' })
      throw new BackupError('full', 'storing', name, { cause })
    }
    this.#bytes += size
    this.stored.push(name)
    return this.inner.put(name, parts)
  }

  #fits(size: number): boolean {
    if ('bytes' in this.#room) return this.#bytes + size <= this.#room.bytes
    return this.#smallestRefused === Infinity ? this.stored.length < this.#room.objects : size < this.#smallestRefused
  }
}
