// Cuts the content of a file into jobs that compare it with what is there.
import { equalBytes } from '../../base/bytes.ts'
import { errnoOf } from '../../base/errors.ts'
import type { Content } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import { openAt, closeFd } from '../../posix/open.ts'
import { readInto } from '../../posix/read.ts'
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../../posix/constants.ts'
import type { Executor } from './executor.ts'
import type { RestoreReader } from './reader.ts'

/** Pieces of a job: at 1 MiB each about 30 ms of work, and enough jobs of a large file for all threads. */
const PIECES_PER_JOB = 64
const REF_SIZE = 32

/**
 * Whether a file, whose size is right, has this content. A piece that is only a part of what was stored as one blob has
 * no hash of its own; a file with such a piece counts as different and is written anew.
 */
export async function compareWithSnapshot(
  reader: RestoreReader,
  executor: Executor,
  dirFd: number,
  name: Uint8Array,
  content: Content,
  size: number,
): Promise<boolean> {
  if (content.kind === 'inline') return hasBytes(dirFd, name, content.bytes)
  let position = 0
  let extents: Extent[] = []
  let start = 0
  let running: Promise<boolean>[] = []
  const hand = () => {
    running.push(executor.compare(jobOf(dirFd, name, start, extents)).then(({ equal }) => equal))
    extents = []
    start = position
  }
  const allEqual = async () => {
    const answers = await Promise.all(running)
    running = []
    return answers.every((equal) => equal)
  }
  for await (const extent of reader.resolveContent(content)) {
    if (extent.ref !== undefined && !isWholeBlob(reader, extent, extent.ref)) {
      await allEqual()
      return false
    }
    extents.push(extent)
    position += extent.length
    if (extents.length === PIECES_PER_JOB) hand()
    if (running.length >= executor.width && !(await allEqual())) return false
  }
  if (extents.length > 0) hand()
  return (await allEqual()) && position === size
}

function isWholeBlob(reader: RestoreReader, { length, offset = 0 }: Extent, ref: Uint8Array): boolean {
  return offset === 0 && reader.locate('data', ref)?.length === length
}

function jobOf(dirFd: number, name: Uint8Array, start: number, extents: readonly Extent[]) {
  const pieces = new Float64Array(extents.length * 2)
  const refs = new Uint8Array(extents.length * REF_SIZE)
  let position = start
  for (const [i, { length, ref }] of extents.entries()) {
    pieces[i * 2] = position
    pieces[i * 2 + 1] = length
    if (ref !== undefined) refs.set(ref, i * REF_SIZE)
    position += length
  }
  return { dirFd, name: new Uint8Array(name), pieces, refs }
}

function hasBytes(dirFd: number, name: Uint8Array, bytes: Uint8Array): boolean {
  let fd: number
  try {
    fd = openAt(dirFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return false // writing it will tell why
  }
  try {
    const there = new Uint8Array(bytes.length + 1)
    return equalBytes(there.subarray(0, readInto(fd, there, 0, there.length, 0)), bytes)
  } finally {
    closeFd(fd)
  }
}
