// The content of one file of a snapshot, as a stream.
import { displayText } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { TROUBLE, type Content, type Entry } from '../format/entry-model.ts'
import type { BlobRef, Extent } from '../format/extent.ts'
import { locate } from './browse/tree-path.ts'
import type { NodeReader } from './browse/tree-walk.ts'

/** What reading content asks of a repository. */
export interface ContentReader extends NodeReader {
  resolveContent(content: Content): AsyncIterable<Extent>
  readBlob(type: 'data', ref: BlobRef): Promise<Uint8Array>
}

/** Holes and zeros are handed out in pieces of this size. */
const ZEROS = new Uint8Array(256 * 1024)

/** The bytes of the file at `path`, in order. Throws `not-found`, `usage` when it is no file, `corrupt`. */
export async function* catFile(reader: ContentReader, root: BlobRef, path: Uint8Array): AsyncGenerator<Uint8Array> {
  const found = await locate(reader, root, path)
  const subject = displayText(found.path) || '/'
  if (found.kind === 'above') throw notAFile('directory', subject)
  yield* contentOf(reader, found.entry, subject)
}

/** The bytes of a file's entry. */
export async function* contentOf(reader: ContentReader, entry: Entry, subject: string): AsyncGenerator<Uint8Array> {
  if (entry.kind !== 'file') throw notAFile(entry.kind, subject)
  if (entry.content === undefined || entry.trouble?.includes(TROUBLE.content) === true) {
    throw new BackupError('not-found', 'this file could not be read when it was backed up', subject, {
      hint: '`holdfast find` shows other snapshots that have it',
    })
  }
  if (entry.content.kind === 'inline') {
    if (entry.content.bytes.length > 0) yield entry.content.bytes
    return
  }
  const size = entry.size ?? 0
  let at = 0
  for await (const extent of reader.resolveContent(entry.content)) {
    at += extent.length
    if (at > size) throw new BackupError('corrupt', `its content has more than its ${size} bytes`, subject)
    if (extent.ref === undefined) yield* zeros(extent.length)
    else {
      const blob = await reader.readBlob('data', extent.ref)
      const from = extent.offset ?? 0
      if (from + extent.length > blob.length) {
        throw new BackupError(
          'corrupt',
          `a piece ends at byte ${from + extent.length} of a blob of ${blob.length}`,
          subject,
        )
      }
      yield blob.subarray(from, from + extent.length)
    }
  }
  if (at < size) throw new BackupError('corrupt', `its content has ${at} of its ${size} bytes`, subject)
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
}

function notAFile(kind: string, subject: string): BackupError {
  const hint = kind === 'directory' ? '`holdfast ls` lists it, `holdfast restore` brings it back' : undefined
  return new BackupError('usage', `a ${kind} has no content to print`, subject, hint === undefined ? {} : { hint })
}
