// A store around a store that changes nothing: to be extended by those that change one thing. What only some stores can
// (staging, replacing) it does not pass on: whoever extends it says whether that is right.
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

/** Passes everything on. */
export class Passing implements Store {
  readonly location: string
  protected readonly inner: Store

  constructor(inner: Store) {
    this.location = inner.location
    this.inner = inner
  }

  get listLagMs(): number {
    return this.inner.listLagMs
  }

  put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    return this.inner.put(name, parts)
  }

  get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return this.inner.get(name, range)
  }

  stat(name: string): Promise<ObjectInfo | null> {
    return this.inner.stat(name)
  }

  list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.inner.list(prefix, cursor)
  }

  delete(name: string): Promise<boolean> {
    return this.inner.delete(name)
  }

  keep(name: string): Promise<boolean> {
    return this.inner.keep(name)
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}
