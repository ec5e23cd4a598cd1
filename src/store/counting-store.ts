// Counts what passes through: for statistics, progress, and tests that bound the number of requests.
import { Passing } from './passing-store.ts'
import type { ListPage, ObjectInfo, PutResult } from './store.ts'

export interface StoreCounts {
  /** Requests begun, failed ones too. */
  puts: number
  gets: number
  stats: number
  /** Pages. */
  lists: number
  deletes: number
  /** Requests that threw. */
  failures: number
  /** Bytes of puts that created an object. */
  bytesWritten: number
  bytesRead: number
}

export class CountingStore extends Passing {
  readonly counts: StoreCounts = {
    puts: 0,
    gets: 0,
    stats: 0,
    lists: 0,
    deletes: 0,
    failures: 0,
    bytesWritten: 0,
    bytesRead: 0,
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    this.counts.puts++
    const result = await this.#counted(this.inner.put(name, parts))
    if (result.created) for (const part of parts) this.counts.bytesWritten += part.byteLength
    return result
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    this.counts.gets++
    const bytes = await this.#counted(this.inner.get(name, range))
    this.counts.bytesRead += bytes.byteLength
    return bytes
  }

  override stat(name: string): Promise<ObjectInfo | null> {
    this.counts.stats++
    return this.#counted(this.inner.stat(name))
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    this.counts.lists++
    return this.#counted(this.inner.list(prefix, cursor))
  }

  override delete(name: string): Promise<boolean> {
    this.counts.deletes++
    return this.#counted(this.inner.delete(name))
  }

  /** Counts as a put. */
  override keep(name: string): Promise<boolean> {
    this.counts.puts++
    return this.#counted(this.inner.keep(name))
  }

  async #counted<T>(request: Promise<T>): Promise<T> {
    try {
      return await request
    } catch (cause) {
      this.counts.failures++
      throw cause
    }
  }
}
