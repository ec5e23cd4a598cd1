import { releaseMemory, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { hash, IncrementalHash } from '../../crypto/hash.ts'
import { hashInName, parseObjectName } from '../../format/names.ts'
import type { Store } from '../../store/store.ts'

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

/** Bytes that are read at once of what is compared and not kept. */
const PIECE = 4 * 1024 * 1024

/** Whether an object of this size is there whose bytes are those that its name promises. */
export async function isAsNamed(store: Store, name: string, size: number): Promise<boolean> {
  const info = await store.stat(name)
  if (info?.size !== size) return false
  const hasher = new IncrementalHash()
  try {
    for (let offset = 0; offset < size; offset += PIECE) {
      const piece = await store.get(name, { offset, length: Math.min(PIECE, size - offset) })
      hasher.update(piece)
      releaseMemory(piece)
    }
  } catch (error) {
    if (codeOf(error) === 'not-found' || codeOf(error) === 'corrupt') return false
    throw error
  }
  const parsed = parseObjectName(name)
  return parsed !== null && toHex(hasher.digest()) === hashInName(parsed)
}
