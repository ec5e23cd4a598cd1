// A store that nothing can be put into or deleted from: for commands that only read, so that a bug in one cannot write.
import { BackupError } from '../base/errors.ts'
import { checkObjectName, checkPut } from './object-names.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

export class ReadOnlyStore implements Store {
  readonly location: string
  readonly #inner: Store

  constructor(inner: Store) {
    this.location = inner.location
    this.#inner = inner
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    checkPut(name, parts)
    throw this.#refusal('storing', name)
  }

  async delete(name: string): Promise<boolean> {
    checkObjectName(name)
    throw this.#refusal('deleting', name)
  }

  get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return this.#inner.get(name, range)
  }

  stat(name: string): Promise<ObjectInfo | null> {
    return this.#inner.stat(name)
  }

  list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#inner.list(prefix, cursor)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #refusal(what: string, name: string): BackupError {
    return new BackupError('refused', `${what} in a repository that was opened for reading`, name)
  }
}
