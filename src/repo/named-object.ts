import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { hashInName, parseObjectName } from '../format/names.ts'
import type { Store } from '../store/store.ts'

/** Fetches an object whose name ends with the hash of its bytes and compares them; `corrupt` if they differ. */
export async function getNamedByHash(store: Store, name: string): Promise<Uint8Array> {
  const bytes = await store.get(name)
  const parsed = parseObjectName(name)
  const expected = parsed === null ? null : hashInName(parsed)
  if (expected !== null && toHex(hash(bytes)) === expected) return bytes
  throw new BackupError('corrupt', 'the bytes of an object are not those its name promises', name, {
    hint: 'run `holdfast scrub` to list all damaged objects of this store',
  })
}
