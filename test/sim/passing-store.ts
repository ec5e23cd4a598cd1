// Stores around a store that change nothing: to be extended, and to let something happen between two requests.
import type { ListPage, ObjectInfo, PutResult, Store } from '../../src/store/store.ts'

/** Passes everything on. */
export class Passing implements Store {
  readonly location: string
  protected readonly inner: Store

  constructor(inner: Store) {
    this.location = inner.location
    this.inner = inner
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

  close(): Promise<void> {
    return this.inner.close()
  }
}

/** Before each request of its caller something else happens. */
export class Accompanied extends Passing {
  readonly #before: (kind: keyof Store, name: string) => Promise<void>

  constructor(inner: Store, before: (kind: keyof Store, name: string) => Promise<void>) {
    super(inner)
    this.#before = before
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    await this.#before('put', name)
    return super.put(name, parts)
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    await this.#before('get', name)
    return super.get(name, range)
  }

  override async stat(name: string): Promise<ObjectInfo | null> {
    await this.#before('stat', name)
    return super.stat(name)
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    await this.#before('list', prefix)
    return super.list(prefix, cursor)
  }
}
