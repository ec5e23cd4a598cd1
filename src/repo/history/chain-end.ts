// The end of a writer's own chain, onto which it signs the next object. A name that a store lists proves nothing: what is signed
// onto one says for ever that this writer had made that object.
import { toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import type { Store } from '../../store/store.ts'
import { settle } from '../objects/settle.ts'

export interface ChainObject {
  readonly objectName: string
  readonly seq: number
  /** Hash of the object, hex. */
  readonly id: string
}

/**
 * The newest of `listed`, newest first, that this writer may have made. What is whole and of somebody else is passed over, by
 * `verify`, which throws `corrupt` for it. One that is damaged stays the end: this writer may have made it, and it is told as
 * damage. `gone` where one was taken away since it was listed. Throws `corrupt` where the store lists an object that it does not
 * give, and what else it throws.
 */
export async function endOfChain<T extends ChainObject>(
  store: Store,
  clock: Clock,
  listed: Iterable<T>,
  verify: (bytes: Uint8Array, listed: T) => void,
): Promise<T | 'gone' | undefined> {
  for (const each of listed) {
    const bytes = await bytesOf(store, clock, each.objectName)
    if (bytes === 'gone') return 'gone'
    if (bytes === 'damaged' || toHex(hash(bytes)) !== each.id) return each
    try {
      verify(bytes, each)
      return each
    } catch (error) {
      if (!(error instanceof BackupError) || error.code !== 'corrupt') throw error
    }
  }
  return undefined
}

async function bytesOf(store: Store, clock: Clock, name: string): Promise<Uint8Array | 'gone' | 'damaged'> {
  try {
    return await store.get(name)
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    if (IS_DAMAGE.has(error.code)) return 'damaged'
    if (error.code !== 'not-found') throw error
    // One that was deleted may be in lists that lag.
    await settle(store, clock)
    const { objects } = await store.list(name)
    if (!objects.some((object) => object.name === name)) return 'gone'
    throw new BackupError(
      'corrupt',
      'the store lists this object and does not give it, so nothing is signed after it',
      name,
      {
        cause: error,
        hint: 'see `holdfast audit`; the store shows something that it does not have, or has lost it',
      },
    )
  }
}

const IS_DAMAGE: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'limit', 'io', 'refused'])
