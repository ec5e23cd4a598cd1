// Listing an open directory. getdents64 into one buffer and names cut out of it: 0.35 us an entry, against 0.65 us of
// fs.readdirSync (text only) and 1.2 us with names as bytes. Layout of an entry, linux_dirent64:
//   offset size field
//   0      8    inode
//   8      8    position
//   16     2    length of this entry
//   18     1    kind (DT_*)
//   19     …    name, ends with a zero byte
import { readdirSync } from 'node:fs'
import { asBuffer } from '../base/bytes.ts'
import { DT_BLK, DT_CHR, DT_DIR, DT_FIFO, DT_LNK, DT_REG, DT_SOCK, DT_UNKNOWN } from './constants.ts'
import { lastError } from './errors.ts'
import { libc, type Libc } from './libc.ts'
import { pathOfFd } from './node-paths.ts'

export interface DirectoryListing {
  /** In the order of the file system, without `.` and `..`; each an array of its own. */
  readonly names: Uint8Array[]
  /** DT_* of each name; DT_UNKNOWN where the file system does not say. */
  readonly types: Uint8Array
}

/** All names in an open directory, from its beginning. */
export function readDirectory(dirFd: number): DirectoryListing {
  const keys: string[] = []
  const types: number[] = []
  const reader = new DirectoryReader(dirFd)
  while (reader.next(keys, types)) {
    // next() appends
  }
  return { names: keys.map(bytesOfKey), types: Uint8Array.from(types) }
}

/**
 * Reads a directory in parts of about a thousand names, so that a very large one does not hold up its thread.
 * Names are given as *keys*: texts with one character (U+0000 to U+00FF) for each byte. They compare as the bytes do,
 * cost 13 ns instead of 40, and sort several times faster.
 */
export class DirectoryReader {
  readonly #fd: number
  #started = false

  constructor(dirFd: number) {
    this.#fd = dirFd
  }

  /** Appends the next part; false when there was nothing left. */
  next(keys: string[], types: number[]): boolean {
    const c = libc()
    if (c === null) return this.#nextByNode(keys, types)
    if (!this.#started && c.lseek(this.#fd, 0, SEEK_SET) !== 0) throw lastError('lseek')
    this.#started = true
    return readPart(c, this.#fd, keys, types)
  }

  #nextByNode(keys: string[], types: number[]): boolean {
    if (this.#started) return false
    this.#started = true
    const path = Buffer.from(pathOfFd(this.#fd, 'scandir'))
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
      keys.push(keyOfBytes(entry.name))
      types.push(typeOf(entry))
    }
    return true
  }
}

/** The key of a name: one character for each byte. */
export function keyOfBytes(name: Uint8Array): string {
  return asBuffer(name).toString('latin1')
}

/** The bytes that a key stands for, in an array of their own. */
export function bytesOfKey(key: string): Uint8Array {
  const name = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) name[i] = key.charCodeAt(i)
  return name
}

// 64 KiB: about a thousand entries and 0.4 ms a call; larger ones were not measurably faster.
const BUFFER_SIZE = 64 * 1024
const SEEK_SET = 0
const NAME_OFFSET = 19
const bytes = new Uint8Array(BUFFER_SIZE)
const buffer = asBuffer(bytes)

function readPart(c: Libc, fd: number, keys: string[], types: number[]): boolean {
  const length = c.getdents64(fd, bytes, BUFFER_SIZE)
  if (length < 0) throw lastError('getdents64')
  if (length === 0) return false
  const text = buffer.toString('latin1', 0, length)
  for (let at = 0; at < length;) {
    const size = bytes[at + 16]! | (bytes[at + 17]! << 8)
    const start = at + NAME_OFFSET
    // Entries are padded to a multiple of 8, so the zero that ends the name is among the last 8 bytes.
    let end = Math.max(start, at + size - 8)
    while (bytes[end] !== 0) end++
    if (!isDots(start, end)) {
      keys.push(text.substring(start, end))
      types.push(bytes[at + 18]!)
    }
    at += size
  }
  return true
}

function isDots(start: number, end: number): boolean {
  if (bytes[start] !== 0x2e) return false
  return end === start + 1 || (end === start + 2 && bytes[start + 1] === 0x2e)
}

interface NodeDirent {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  isFIFO(): boolean
  isSocket(): boolean
  isCharacterDevice(): boolean
  isBlockDevice(): boolean
}

function typeOf(entry: NodeDirent): number {
  if (entry.isFile()) return DT_REG
  if (entry.isDirectory()) return DT_DIR
  if (entry.isSymbolicLink()) return DT_LNK
  if (entry.isFIFO()) return DT_FIFO
  if (entry.isSocket()) return DT_SOCK
  if (entry.isCharacterDevice()) return DT_CHR
  return entry.isBlockDevice() ? DT_BLK : DT_UNKNOWN
}
