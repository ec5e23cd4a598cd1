// A store that shows what another one would hold after some changes, and never makes them: for rehearsals, which then run the
// very code of what they rehearse. What is put is kept in memory.
import { BackupError } from '../base/errors.ts'
import { checkGet, checkObjectName, checkPut, endsEarly } from './object-names.ts'
import { LIST_PAGE_MAX, type ListPage, type ObjectInfo, type PutResult, type Store } from './store.ts'

export interface OverlayOptions {
  /** Milliseconds since 1970, for what is put. */
  readonly now: () => number
  /** Bytes that are kept; a put beyond them throws `limit`. */
  readonly bytesMax: number
}

interface Kept {
  readonly bytes: Uint8Array
  readonly receivedMs: number
}

export class OverlayStore implements Store {
  readonly location: string
  readonly #inner: Store
  readonly #opts: OverlayOptions
  readonly #put = new Map<string, Kept>()
  readonly #deleted = new Set<string>()
  #bytes = 0

  /** The cursors of `inner` must be names: those of all stores here are. */
  constructor(inner: Store, opts: OverlayOptions) {
    this.location = inner.location
    this.#inner = inner
    this.#opts = opts
  }

  get listLagMs(): number {
    return this.#inner.listLagMs
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    checkPut(name, parts)
    const there = (await this.stat(name)) !== null
    // Another put may have made it meanwhile.
    if (there || this.#put.has(name)) return { created: false }
    this.#keep(name, parts)
    return { created: true }
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    checkPut(name, parts)
    if ((await this.stat(name)) === null) return false
    this.#keep(name, parts)
    return true
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    checkGet(name, range)
    const kept = this.#put.get(name)
    if (kept === undefined) {
      if (this.#deleted.has(name)) throw new BackupError('not-found', 'no such object', name)
      return this.#inner.get(name, range)
    }
    if (range === undefined) return kept.bytes.slice()
    const there = Math.max(0, kept.bytes.length - range.offset)
    if (there < range.length) throw endsEarly(name, range.length, there)
    return kept.bytes.slice(range.offset, range.offset + range.length)
  }

  async stat(name: string): Promise<ObjectInfo | null> {
    checkObjectName(name)
    const kept = this.#put.get(name)
    if (kept !== undefined) return infoOf(name, kept)
    return this.#deleted.has(name) ? null : this.#inner.stat(name)
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await this.#inner.list(prefix, cursor)
    const last = page.cursor
    const isHere = (name: string) =>
      name.startsWith(prefix) && (cursor === undefined || name > cursor) && (last === undefined || name <= last)
    const own = [...this.#put].filter(([name]) => isHere(name)).map(([name, kept]) => infoOf(name, kept))
    const others = page.objects.filter(({ name }) => !this.#put.has(name) && !this.#deleted.has(name))
    const objects = [...others, ...own].sort((a, b) => (a.name < b.name ? -1 : 1))
    if (objects.length <= LIST_PAGE_MAX) return { objects, cursor: last }
    const some = objects.slice(0, LIST_PAGE_MAX)
    return { objects: some, cursor: some.at(-1)!.name }
  }

  async keep(name: string): Promise<boolean> {
    return (await this.stat(name)) !== null
  }

  async delete(name: string): Promise<boolean> {
    const there = (await this.stat(name)) !== null
    this.#bytes -= this.#put.get(name)?.bytes.length ?? 0
    this.#put.delete(name)
    this.#deleted.add(name)
    return there
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #keep(name: string, parts: readonly Uint8Array[]): void {
    const bytes = new Uint8Array(Buffer.concat(parts))
    this.#bytes += bytes.length - (this.#put.get(name)?.bytes.length ?? 0)
    if (this.#bytes > this.#opts.bytesMax) {
      throw new BackupError('limit', `a rehearsal keeps ${this.#opts.bytesMax} bytes in memory, no more`, name, {
        hint: 'rehearse in parts, with the names of some objects',
      })
    }
    this.#put.set(name, { bytes, receivedMs: this.#opts.now() })
    this.#deleted.delete(name)
  }
}

function infoOf(name: string, { bytes, receivedMs }: Kept): ObjectInfo {
  return { name, size: bytes.length, receivedMs }
}
