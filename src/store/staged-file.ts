// An object of a local store whose bytes come in pieces: a temporary file, until it gets its name.
import { unlink, type FileHandle } from 'node:fs/promises'
import { systemClock } from '../base/clock.ts'
import { checkObjectSize } from './object-names.ts'
import type { PutResult, StagedObject } from './store.ts'

/** Buffers a writev takes (IOV_MAX of Linux and macOS). */
const WRITEV_PARTS_MAX = 1024

/** A file in the store's folder for what is no object yet. */
export interface TemporaryFile {
  readonly path: string
  readonly handle: FileHandle
}

export interface StagedFileSteps {
  readonly open: () => Promise<TemporaryFile>
  /** Makes the file durable and gives it the name of an object. */
  readonly finish: (file: TemporaryFile, name: string) => Promise<PutResult>
  /** Turns what the system says into what a store throws. */
  readonly doing: <T>(step: () => Promise<T>) => Promise<T>
}

export class StagedFile implements StagedObject {
  readonly #steps: StagedFileSteps
  #file: Promise<TemporaryFile> | undefined
  #size = 0
  /** What was asked for last: all of it happens one after the other, and nothing after a failure. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(steps: StagedFileSteps) {
    this.#steps = steps
  }

  append(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.#size += part.byteLength
    const size = this.#size
    return this.#next(async () => {
      checkObjectSize('object to be stored', size)
      await writeAll((await this.#open()).handle, parts)
    })
  }

  async commit(name: string): Promise<PutResult> {
    try {
      return await this.#next(async () => this.#steps.finish(await this.#open(), name))
    } finally {
      await this.discard()
    }
  }

  async keepAlive(): Promise<void> {
    await this.#next(async () => {
      const now = systemClock.now() / 1000
      await (await this.#file)?.handle.utimes(now, now)
    })
  }

  async discard(): Promise<void> {
    await this.#last.catch(() => {})
    const file = await this.#file?.catch(() => undefined)
    this.#file = undefined
    if (file !== undefined) await removeTemporary(file)
  }

  #open(): Promise<TemporaryFile> {
    return (this.#file ??= this.#steps.open())
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#steps.doing(step))
    done.catch(() => {})
    this.#last = done
    return done
  }
}

/** Closes the file and removes what is left of it: nothing if it was renamed. */
export async function removeTemporary({ path, handle }: TemporaryFile): Promise<void> {
  // What cannot be removed is a left-over for another day.
  await Promise.all([handle.close(), unlink(path).catch(() => {})])
}

/** Writes all parts without joining them; a short write (a disk that is nearly full) goes on where it stopped. */
export async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.byteLength > 0)
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest.slice(0, WRITEV_PARTS_MAX))
    let written = bytesWritten
    let done = 0
    while (done < rest.length && written >= rest[done]!.byteLength) written -= rest[done++]!.byteLength
    rest = rest.slice(done)
    if (written > 0) rest[0] = rest[0]!.subarray(written)
  }
}
