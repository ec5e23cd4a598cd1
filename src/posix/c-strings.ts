// Names for system calls: bytes with a zero at the end, copied into a few buffers that are used again for every call.
// Measured: copying 16 bytes in a loop that looks for zeros takes 10 ns, `set` 71 ns, a new array for each call 400 ns.
import { constants } from 'node:os'
import { asBuffer } from '../base/bytes.ts'
import { systemError } from './errors.ts'

/** Bytes that a path given to one system call may have, without the zero; the kernel's PATH_MAX less one. */
export const PATH_BYTES_MAX = 4095

/** The bytes as they are, or the UTF-8 of a text. */
export type PathLike = Uint8Array | string

/** `path` with a zero byte behind it, in a buffer that the next call of this function overwrites. */
export function cString(path: PathLike, syscall: string): Uint8Array {
  return copyInto(first, firstBytes, path, syscall)
}

/** Another buffer, for calls that take two names. */
export function secondCString(path: PathLike, syscall: string): Uint8Array {
  return copyInto(second, secondBytes, path, syscall)
}

/** `/proc/self/fd/<fd>/<name>`, a path to something below an open directory for calls that know no directory. */
export function cStringBelow(fd: number, name: PathLike, syscall: string): Uint8Array {
  const prefix = `/proc/self/fd/${fd}/`
  for (let i = 0; i < prefix.length; i++) first[i] = prefix.charCodeAt(i)
  return copyInto(first, firstBytes, name, syscall, prefix.length)
}

/** For calls that act on an open file and want an empty name. */
export const EMPTY_C_STRING = new Uint8Array(64)

// Arrays of less than 64 bytes may live inside V8's moving heap; these are large enough not to.
const first = new Uint8Array(PATH_BYTES_MAX + 1)
const second = new Uint8Array(PATH_BYTES_MAX + 1)
const firstBytes = asBuffer(first)
const secondBytes = asBuffer(second)

function copyInto(into: Uint8Array, bytes: Buffer, path: PathLike, syscall: string, at = 0): Uint8Array {
  if (typeof path === 'string') {
    const length = Buffer.byteLength(path)
    if (at + length > PATH_BYTES_MAX) throw systemError(constants.errno.ENAMETOOLONG, syscall, path)
    bytes.write(path, at, 'utf8')
    into[at + length] = 0
    const zero = into.indexOf(0, at)
    if (zero !== at + length) throw systemError(constants.errno.EINVAL, syscall, path)
    return into
  }
  const length = path.length
  if (at + length > PATH_BYTES_MAX) throw systemError(constants.errno.ENAMETOOLONG, syscall, path)
  for (let i = 0; i < length; i++) {
    const byte = path[i]!
    if (byte === 0) throw systemError(constants.errno.EINVAL, syscall, path)
    into[at + i] = byte
  }
  into[at + length] = 0
  return into
}
