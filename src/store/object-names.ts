// Which names an object may have (docs/format.md, section 2) and which requests make sense. Every store checks on entry,
// so that no name can leave the repository's folder, and again what a listing returns: the other side may be hostile.
import { BackupError } from '../base/errors.ts'
import { NAME_LENGTH_MAX, OBJECT_SIZE_MAX } from './store.ts'

/** The deepest names of the format have three parts; two to spare. Bounds how deep a listing walks. */
export const NAME_SEGMENTS_MAX = 5
/** Folder at the top of a local repository for files that are not objects yet; no object may be named below it. */
export const TEMPORARY_FOLDER = 'tmp'
/** Found in a new file system; does not make a folder somebody's. */
export const HARMLESS: ReadonlySet<string> = new Set([TEMPORARY_FOLDER, 'lost+found', '.DS_Store'])

// A segment does not begin with a dot or a dash: that rules out `.` and `..`, hidden files that file systems make
// (`.nfs0001`) and names that command line tools take for options. An object is never at the top, where a repository's
// folder may hold a README.
const SEGMENT = '[0-9a-z_][0-9a-z._-]*'
const NAME = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){1,${NAME_SEGMENTS_MAX - 1}}$`)
const PREFIX = new RegExp(`^(?:${SEGMENT}(?:/${SEGMENT}){0,${NAME_SEGMENTS_MAX - 1}}/?)?$`)

export function isObjectName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name) && !isTemporary(name)
}

/** Throws `usage` unless `name` can be an object's. */
export function checkObjectName(name: string): void {
  if (!isObjectName(name)) throw new BackupError('usage', 'not an object name', JSON.stringify(name.slice(0, 300)))
}

/** Throws `usage` unless `prefix` can be the beginning of an object's name; the empty one is every object. */
export function checkPrefix(prefix: string): void {
  if (prefix.length > NAME_LENGTH_MAX || !PREFIX.test(prefix) || isTemporary(prefix)) {
    throw new BackupError('usage', 'not the beginning of an object name', JSON.stringify(prefix.slice(0, 300)))
  }
}

/** The folder of a name, without a slash at its end. */
export function folderOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')))
}

/** Bytes that a put is about to store; throws `usage` for a bad name and `limit` for too many bytes. */
export function checkPut(name: string, parts: readonly Uint8Array[]): number {
  checkObjectName(name)
  let size = 0
  for (const part of parts) size += part.byteLength
  checkObjectSize(name, size)
  return size
}

/** Throws `limit` when an object has more bytes than a store keeps or a client is ready to hold. */
export function checkObjectSize(name: string, size: number): void {
  if (size > OBJECT_SIZE_MAX) {
    throw new BackupError('limit', `object has ${size} bytes, more than ${OBJECT_SIZE_MAX}`, name)
  }
}

/** Throws `usage` for a bad name or a range that is none, `limit` for one that asks for too many bytes. */
export function checkGet(name: string, range: { readonly offset: number; readonly length: number } | undefined): void {
  checkObjectName(name)
  if (range === undefined) return
  const { offset, length } = range
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new BackupError('usage', `not a range: ${length} bytes from ${offset}`, name)
  }
  checkObjectSize(name, length)
}

/** The error for an object that ends before the range that was asked for. */
export function endsEarly(name: string, wanted: number, got: number): BackupError {
  return new BackupError('corrupt', `object ends early, ${wanted} bytes wanted and ${got} there`, name, {
    hint: 'run `holdfast check --read-data` to see what else is damaged',
  })
}

function isTemporary(name: string): boolean {
  return name === TEMPORARY_FOLDER || name.startsWith(`${TEMPORARY_FOLDER}/`)
}
