// A store that nothing can be put into or deleted from: for commands that only read, so that a bug in one cannot write.
import { BackupError } from '../base/errors.ts'
import { checkObjectName, checkPut } from './object-names.ts'
import { Passing } from './passing-store.ts'
import type { PutResult, Store } from './store.ts'

export class ReadOnlyStore extends Passing {
  /** There where the other one can: what a change would cost depends on that. */
  readonly replace?: (name: string) => Promise<boolean>

  constructor(inner: Store) {
    super(inner)
    if (inner.replace === undefined) return
    this.replace = async (name) => {
      checkObjectName(name)
      throw refusal('replacing', name)
    }
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    checkPut(name, parts)
    throw refusal('storing', name)
  }

  override async delete(name: string): Promise<boolean> {
    checkObjectName(name)
    throw refusal('deleting', name)
  }

  override async keep(name: string): Promise<boolean> {
    checkObjectName(name)
    throw refusal('keeping', name)
  }
}

function refusal(what: string, name: string): BackupError {
  return new BackupError('refused', `${what} in a repository that was opened for reading`, name)
}
