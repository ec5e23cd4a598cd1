// Pruning and forgetting delete objects while others read: what was listed may be gone when it is fetched.
import { codeOf } from '../../base/errors.ts'
import type { Store } from '../../store/store.ts'

/**
 * What `read` makes of an object that was listed; undefined when somebody has deleted it since. A store that still lists
 * what it says it has not got is not to be trusted: then the error of `read` is thrown.
 */
export async function unlessGone<T>(store: Store, name: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error
    const { objects } = await store.list(name)
    if (objects.some((object) => object.name === name)) throw error
    return undefined
  }
}
