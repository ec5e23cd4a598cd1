// A store around a store that lets something happen between two requests.
import { Passing } from '../../src/store/passing-store.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from '../../src/store/store.ts'

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
