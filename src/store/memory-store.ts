// A store that forgets: for tests and for the simulator. It keeps every promise of the interface except surviving the
// process.
import { BackupError } from '../base/errors.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { checkGet, checkObjectName, checkPrefix, checkPut, endsEarly } from './object-names.ts'
import { LIST_PAGE_MAX, type ListPage, type ObjectInfo, type PutResult, type Store } from './store.ts'

interface Kept {
  readonly bytes: Uint8Array
  readonly receivedMs: number
}

export class MemoryStore implements Store {
  readonly location: string
  readonly listLagMs = 0
  readonly #clock: Clock
  readonly #objects = new Map<string, Kept>()
  #sorted: string[] | undefined

  constructor(opts: { readonly location?: string; readonly clock?: Clock } = {}) {
    this.location = opts.location ?? 'memory:'
    this.#clock = opts.clock ?? systemClock
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const size = checkPut(name, parts)
    if (this.#objects.has(name)) return { created: false }
    const bytes = new Uint8Array(size)
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.byteLength
    }
    this.#objects.set(name, { bytes, receivedMs: this.#clock.now() })
    this.#sorted = undefined
    return { created: true }
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    checkGet(name, range)
    const kept = this.#objects.get(name)
    if (kept === undefined) throw new BackupError('not-found', 'no such object', name)
    if (range === undefined) return kept.bytes.slice()
    const { offset, length } = range
    const there = Math.max(0, kept.bytes.byteLength - offset)
    if (there < length) throw endsEarly(name, length, there)
    return kept.bytes.slice(offset, offset + length)
  }

  async stat(name: string): Promise<ObjectInfo | null> {
    checkObjectName(name)
    const kept = this.#objects.get(name)
    return kept === undefined ? null : this.#info(name, kept)
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    checkPrefix(prefix)
    const names = (this.#sorted ??= [...this.#objects.keys()].sort())
    const objects: ObjectInfo[] = []
    for (const name of names) {
      if (!name.startsWith(prefix) || (cursor !== undefined && name <= cursor)) continue
      if (objects.length === LIST_PAGE_MAX) return { objects, cursor: objects.at(-1)!.name }
      objects.push(this.#info(name, this.#objects.get(name)!))
    }
    return { objects, cursor: undefined }
  }

  async keep(name: string): Promise<boolean> {
    checkObjectName(name)
    return this.#objects.has(name)
  }

  async delete(name: string): Promise<boolean> {
    checkObjectName(name)
    this.#sorted = undefined
    return this.#objects.delete(name)
  }

  async close(): Promise<void> {}

  /** Puts bytes in the place of an object's, as a failing disk would; only tests call this. */
  damage(name: string, bytes: Uint8Array): void {
    const kept = this.#objects.get(name)
    if (kept === undefined) throw new BackupError('not-found', 'no such object', name)
    this.#objects.set(name, { bytes: bytes.slice(), receivedMs: kept.receivedMs })
  }

  #info(name: string, kept: Kept): ObjectInfo {
    return { name, size: kept.bytes.byteLength, receivedMs: kept.receivedMs }
  }
}
