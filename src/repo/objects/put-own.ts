// Putting objects whose names are not the hash of their bytes. Others who may put into the store can be the first to use
// such a name; the store then leaves theirs as it is, and what relies on the own one would be lost without a word.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Store } from '../../store/store.ts'

/**
 * Throws `refused` when other bytes are there under this name. That the own ones are there already is no matter: gives whether
 * they were not.
 */
export async function putOwn(store: Store, name: string, bytes: Uint8Array): Promise<boolean> {
  const { created } = await store.put(name, [bytes])
  if (created || equalBytes(await store.get(name), bytes)) return created
  throw new BackupError('refused', 'somebody has put another object in the place of this one', name, {
    hint: 'somebody who may write to the store is in your way; find out who it is, remove that object and try again',
  })
}
