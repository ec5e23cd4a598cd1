// What a client keeps on its own disk: its writer's key, the heads it has seen. Nothing of it is needed to restore; a
// client that lost it enrols again. The caller says where it lies; the repository layer sees names and bytes.
import type { Sealer } from '../crypto/seal.ts'

export interface StateWriteOptions {
  /** Whether it survives a power cut, which it does unless this is false; waiting for the disk takes some 20 ms. */
  readonly lasting?: boolean
}

export interface LocalState {
  read(name: string): Promise<Uint8Array | null>
  /** Replaces atomically. */
  write(name: string, bytes: Uint8Array, opts?: StateWriteOptions): Promise<void>
  /** Nothing happens when it is not there. */
  remove(name: string): Promise<void>
  /** Runs `step` while no other process of this machine does so under the same name. */
  exclusive<T>(name: string, step: () => Promise<T>): Promise<T>
}

/** What is kept of one repository and credential is named and sealed by these. */
export interface LocalScope {
  readonly id: Uint8Array
  readonly bundle: { readonly localKey: Uint8Array }
  keySealerOf(key: Uint8Array): Sealer
}

/** State that ends with the process: for tests, and where nothing may be written. */
export function memoryState(): LocalState {
  const values = new Map<string, Uint8Array>()
  let tail: Promise<unknown> = Promise.resolve()
  return {
    read: async (name) => values.get(name) ?? null,
    write: async (name, bytes) => {
      values.set(name, bytes.slice())
    },
    remove: async (name) => {
      values.delete(name)
    },
    exclusive: (_name, step) => {
      const run = tail.then(step, step)
      tail = run.catch(() => {})
      return run
    },
  }
}
