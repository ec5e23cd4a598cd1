// Compares a file that is there with the snapshot without reading the repository: its bytes are hashed as they were when
// they were backed up.
import { equalBytes } from '../../base/bytes.ts'
import { errnoOf } from '../../base/errors.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../../posix/constants.ts'
import { seekData } from '../../posix/holes.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { readInto } from '../../posix/read.ts'

export interface CompareJob {
  readonly dirFd: number
  readonly name: Uint8Array
  /** Position and length of each piece. */
  readonly pieces: Float64Array
  /** 32 bytes for each piece; all zero for a piece that has to be zeros. */
  readonly refs: Uint8Array
}

export interface CompareResult {
  readonly equal: boolean
}

const REF_SIZE = 32
/** Zeros are compared in parts of this size. */
const ZERO_PART = 1024 * 1024
const ZEROS = new Uint8Array(ZERO_PART)
const NO_REF = new Uint8Array(REF_SIZE)

/** A file that cannot be read counts as different: writing it will tell why. */
export function compareContent({ dirFd, name, pieces, refs }: CompareJob, refKey: Uint8Array): CompareResult {
  let fd: number
  try {
    fd = openAt(dirFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return { equal: false }
  }
  try {
    for (let i = 0; i * 2 < pieces.length; i++) {
      const ref = refs.subarray(i * REF_SIZE, (i + 1) * REF_SIZE)
      const position = pieces[i * 2]!
      const length = pieces[i * 2 + 1]!
      const same = equalBytes(ref, NO_REF)
        ? isZero(fd, position, length)
        : equalBytes(keyedHash(refKey, readPiece(fd, position, length)), ref)
      if (!same) return { equal: false }
    }
    return { equal: true }
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return { equal: false }
  } finally {
    closeFd(fd)
  }
}

let buffer = new Uint8Array(ZERO_PART)

/** The bytes there are, fewer at the end of the file; valid until the next call. */
function readPiece(fd: number, position: number, length: number): Uint8Array {
  if (buffer.length < length) buffer = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const read = readInto(fd, buffer, done, length - done, position + done)
    if (read === 0) break
    done += read
  }
  return buffer.subarray(0, done)
}

function isZero(fd: number, position: number, length: number): boolean {
  const end = position + length
  for (let at = position; at < end; at += ZERO_PART) {
    // Holes are zeros without being read.
    const data = seekData(fd, at)
    if (data === null || data >= end) return true
    at = Math.max(at, data)
    const part = Math.min(ZERO_PART, end - at)
    if (!equalBytes(readPiece(fd, at, part), ZEROS.subarray(0, part))) return false
  }
  return true
}
