// What is in a directory of the target before anything is put there.
import { bytesOfKey, DirectoryReader, keyOfBytes } from '../../posix/directory.ts'
import { readLinkAt } from '../../posix/names.ts'
import { statAt } from '../../posix/stat.ts'
import { errnoOf } from '../../base/errors.ts'
import type { Existing } from './decide.ts'

export class ExistingNames {
  readonly #dirFd: () => number
  readonly #release: () => void
  readonly #keys: Set<string>

  /** `acquire` gives a descriptor of the directory, `release` takes it back. */
  constructor(acquire: () => number, release: () => void) {
    this.#dirFd = acquire
    this.#release = release
    this.#keys = new Set(this.#with(listKeys))
  }

  /** What is under a name, which the snapshot has an opinion on. */
  take(name: Uint8Array): Existing | undefined {
    if (this.#keys.size === 0 || !this.#keys.delete(keyOfBytes(name))) return undefined
    return this.#with((fd) => lookAt(fd, name))
  }

  /** Names that nobody has taken: they are not in the snapshot. */
  others(): Uint8Array[] {
    return Array.from(this.#keys, bytesOfKey)
  }

  #with<T>(step: (fd: number) => T): T {
    const fd = this.#dirFd()
    try {
      return step(fd)
    } finally {
      this.#release()
    }
  }
}

function listKeys(fd: number): string[] {
  const keys: string[] = []
  const reader = new DirectoryReader(fd)
  const types: number[] = []
  while (reader.next(keys, types)) types.length = 0
  return keys
}

/** Undefined when there is nothing (any more). */
export function lookAt(dirFd: number, name: Uint8Array): Existing | undefined {
  try {
    const stat = statAt(dirFd, name)
    return { stat, target: stat.kind === 'symlink' ? readLinkAt(dirFd, name) : undefined }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw cause
  }
}
