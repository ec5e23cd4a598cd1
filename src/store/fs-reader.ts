// Reads objects of a local repository, whole or a range.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { uninitialised } from '../base/bytes.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import { BackupError, errnoOf } from '../base/errors.ts'
import type { FsRoot } from './fs-root.ts'
import { checkObjectSize, endsEarly } from './object-names.ts'

export interface Range {
  readonly offset: number
  readonly length: number
}

/** Not to wait for ever should the name be a fifo's. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK
/**
 * What is no longer than this is asked for in this thread as long as answers come at once: what the system has in memory it
 * gives in a fraction of the time that it takes to pass four questions to other threads and back.
 */
const QUICK_SIZE_MAX = 256 * 1024
/** An answer that takes longer, in milliseconds, comes from a disk or a network, and so will those that follow. */
const SLOW_MS = 1
/** So many are asked for in other threads then; twice as many each time that the next is slow too. */
const PAUSE_MIN = 16
const PAUSE_MAX = 4096
/** After so long, in milliseconds, one is asked for in another thread all the same: whatever else waits in this one gets its turn. */
const STRETCH_MS = 5

export class FsReader {
  readonly #root: FsRoot
  readonly #clock: Clock
  #pause = PAUSE_MIN
  /** How many more are asked for in other threads. */
  #waiting = 0
  #stretchEnd = 0

  constructor(root: FsRoot, clock: Clock = systemClock) {
    this.#root = root
    this.#clock = clock
  }

  /** Throws `not-found` and `corrupt` as `Store.get` does, and what the system says. */
  async read(name: string, range?: Range): Promise<Uint8Array> {
    const path = this.#root.pathOf(name)
    const quick = this.#readHere(path, range)
    if (quick !== undefined) return quick
    try {
      return await this.#readElsewhere(path, name, range)
    } finally {
      this.#stretchEnd = this.#clock.monotonic() + STRETCH_MS
    }
  }

  /** Undefined where it is to be asked for elsewhere, also when something is wrong, which is told there. */
  #readHere(path: string, range: Range | undefined): Uint8Array | undefined {
    if (this.#waiting > 0) {
      this.#waiting--
      return undefined
    }
    const began = this.#clock.monotonic()
    if (began > this.#stretchEnd || (range?.length ?? 0) > QUICK_SIZE_MAX) return undefined
    try {
      return readNow(path, range)
    } finally {
      const isSlow = this.#clock.monotonic() - began > SLOW_MS
      if (isSlow) this.#waiting = this.#pause
      this.#pause = isSlow ? Math.min(PAUSE_MAX, this.#pause * 2) : PAUSE_MIN
    }
  }

  async #readElsewhere(path: string, name: string, range: Range | undefined): Promise<Uint8Array> {
    const handle = await open(path, FLAGS).catch((cause) => this.#notFound(name, cause))
    try {
      if (range !== undefined) return await readExactly(handle, name, range)
      const info = await handle.stat()
      if (!info.isFile()) throw new BackupError('not-found', 'not an object', name)
      checkObjectSize(name, info.size)
      return await readExactly(handle, name, { offset: 0, length: info.size })
    } catch (cause) {
      if (errnoOf(cause) === 'EISDIR') throw new BackupError('not-found', 'not an object', name)
      throw cause
    } finally {
      await handle.close()
    }
  }

  async #notFound(name: string, cause: unknown): Promise<never> {
    if (await this.#root.saysAbsent(cause, name)) throw new BackupError('not-found', 'no such object', name, { cause })
    throw cause
  }
}

function readNow(path: string, range: Range | undefined): Uint8Array | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, FLAGS)
    const info = range ?? { offset: 0, length: sizeOf(fd) }
    if (info.length > QUICK_SIZE_MAX) return undefined
    const bytes = uninitialised(info.length)
    for (let got = 0; got < info.length;) {
      const count = readSync(fd, bytes, got, info.length - got, info.offset + got)
      if (count === 0) return undefined
      got += count
    }
    return bytes
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** More than any object where it is no file. */
function sizeOf(fd: number): number {
  const info = fstatSync(fd)
  return info.isFile() ? info.size : Infinity
}

async function readExactly(handle: FileHandle, name: string, { offset, length }: Range): Promise<Uint8Array> {
  // Not zeroed, its own memory, and no Buffer: their `slice` shares memory where an array's copies.
  const bytes = uninitialised(length)
  let got = 0
  while (got < length) {
    const { bytesRead } = await handle.read(bytes, got, length - got, offset + got)
    if (bytesRead === 0) throw endsEarly(name, length, got)
    got += bytesRead
  }
  return bytes
}
