// Proves that a snapshot can be restored: restores some of its files, or all, to a scratch folder in portions that fit, has
// each read again and compared with the snapshot, and compares it with the source where that has not changed since.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { BackupError, codeOf, errnoOf } from '../base/errors.ts'
import type { Rng } from '../base/random.ts'
import { sameTime } from '../base/time.ts'
import type { Timespec } from '../base/time.ts'
import type { BlobRef } from '../format/extent.ts'
import { AT_FDCWD, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../posix/constants.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { readInto } from '../posix/read.ts'
import { statAt } from '../posix/stat.ts'
import { walkDirectory } from './browse/tree-walk.ts'
import { ignoreEvents } from './events.ts'
import type { EventSink } from './events.ts'
import type { RestoreTrouble } from './restore/options.ts'
import type { RestoreReader } from './restore/reader.ts'
import { restore } from './restore/restore.ts'

export type DrillSample =
  | { readonly kind: 'files'; readonly count: number }
  /** Above 0 to 1, of the files of the snapshot; at least one. */
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'all' }

export interface DrillOptions {
  readonly repo: RestoreReader
  readonly root: BlobRef
  readonly sample: DrillSample
  /** An empty folder of its own; what is in it is removed again. */
  readonly scratch: string
  /** Bytes of files in the scratch folder at a time; a larger file is restored alone. */
  readonly spaceMax: number
  /** Whether the source is on this machine, so that it can be compared. */
  readonly compare: boolean
  readonly rng: Rng
  readonly threads: number
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface DrillResult {
  /** Files that the snapshot has, and of those the ones that were restored and found as in the snapshot. */
  readonly filesTotal: number
  readonly files: number
  readonly bytes: number
  /** Of these, how many were compared with the source, byte for byte; the source of the others changed or is gone. */
  readonly compared: number
  /** Paths whose source has other bytes although its times say that it did not change. */
  readonly different: readonly Uint8Array[]
  readonly troubles: readonly RestoreTrouble[]
  readonly troubleCount: number
}

interface ChosenFile {
  readonly path: Uint8Array
  readonly size: number
  readonly mtime: Timespec
  readonly ctime: Timespec | undefined
}

/** Files of a sample kept in memory: paths of a few hundred bytes each. */
const FILES_MAX = 1_000_000
/** Files of one portion: an open folder or two for each. */
const PORTION_FILES = 10_000
const COMPARE_SIZE = 1024 * 1024

/** Throws `interrupted`, `unreachable`, and what restoring throws; damage is in the result. */
export async function drill(opts: DrillOptions): Promise<DrillResult> {
  const { chosen, total } = await choose(opts)
  const result = { files: 0, bytes: 0, compared: 0, troubleCount: 0 }
  const different: Uint8Array[] = []
  const troubles: RestoreTrouble[] = []
  for (const [number, portion] of portions(chosen, opts.spaceMax).entries()) {
    const target = join(opts.scratch, String(number))
    try {
      const restored = await restorePortion(opts, portion, target)
      troubles.push(...restored.troubles)
      result.troubleCount += restored.troubleCount
      const failed = new Set(restored.troubles.map(({ path }) => keyOf(path)))
      for (const file of portion) {
        if (failed.has(keyOf(file.path))) continue
        result.files++
        result.bytes += file.size
        if (!opts.compare) continue
        const verdict = compareWithSource(file, target)
        if (verdict === 'equal') result.compared++
        else if (verdict === 'different') different.push(file.path)
      }
    } catch (error) {
      throw codeOf(error) === 'interrupted' ? stopped(opts) : error
    } finally {
      await rm(target, { recursive: true, force: true })
    }
    progress(opts, result.files, chosen.length, result.bytes)
  }
  return { filesTotal: total, ...result, different, troubles }
}

/** What a restore says when it is stopped is of no use here: what it has written is removed. */
function stopped({ scratch }: DrillOptions): BackupError {
  return new BackupError('interrupted', 'the drill was stopped and proves nothing', scratch, { hint: 'run it again' })
}

async function choose({ repo, root, sample, rng }: DrillOptions) {
  const chosen: ChosenFile[] = []
  let total = 0
  const most = sample.kind === 'files' ? sample.count : FILES_MAX
  const share = sample.kind === 'share' ? sample.share : 1
  let passed = 0
  await walkDirectory(
    repo,
    new Uint8Array(),
    root,
    (path, entry) => {
      if (entry.kind !== 'file' || entry.content === undefined) return
      total++
      // The first one is taken in any case, and gives way to another.
      if (sample.kind === 'share' && chosen.length > 0 && rng() >= share) return
      passed++
      const at = chosen.length < most ? chosen.length : Math.floor(rng() * passed) // reservoir sampling (Vitter, 1985)
      if (at >= most) return
      const { size = 0, mtime, ctime } = entry
      chosen[at] = { path: new Uint8Array(path), size, mtime, ctime }
    },
    true,
  )
  return { chosen, total }
}

function portions(files: readonly ChosenFile[], spaceMax: number): ChosenFile[][] {
  const all: ChosenFile[][] = []
  let room = 0
  for (const file of files) {
    const last = all.at(-1)
    if (last === undefined || last.length >= PORTION_FILES || file.size > room) {
      all.push([file])
      room = spaceMax - file.size
    } else {
      last.push(file)
      room -= file.size
    }
  }
  return all
}

function restorePortion(opts: DrillOptions, files: readonly ChosenFile[], target: string) {
  const wanted = new Set(files.map(({ path }) => keyOf(path)))
  const above = new Set<string>()
  for (const path of wanted) {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) above.add(path.slice(0, at))
  }
  const { repo, root, threads, onEvent = ignoreEvents, signal } = opts
  return restore({
    repo,
    root,
    target,
    filter: (path, isDirectory) => {
      const key = keyOf(path)
      if (wanted.has(key)) return 'take'
      return isDirectory && above.has(key) ? 'enter' : 'skip'
    },
    // What the user who runs this may not give is no matter: content is what is proved.
    metadata: { owner: false, mode: false, xattrs: false, acls: false, flags: false },
    verify: true,
    threads,
    onEvent: (event) => event.type === 'progress' && onEvent(event),
    ...(signal !== undefined && { signal }),
  })
}

/** `changed` for a source that is not as it was backed up, or is not there. */
function compareWithSource(
  { path, size, mtime, ctime }: ChosenFile,
  target: string,
): 'equal' | 'different' | 'changed' {
  const isUnchanged = () => {
    const now = statAt(AT_FDCWD, path)
    const sameCtime = ctime === undefined || sameTime(now.ctime, ctime)
    return now.kind === 'file' && now.size === size && sameTime(now.mtime, mtime) && sameCtime
  }
  try {
    if (!isUnchanged()) return 'changed'
    const same = sameContent(path, Buffer.concat([Buffer.from(target), path]))
    // It may have been written to in the meantime.
    return same ? 'equal' : isUnchanged() ? 'different' : 'changed'
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return 'changed'
  }
}

function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  const first = openAt(AT_FDCWD, a, flags)
  try {
    const second = openAt(AT_FDCWD, b, flags)
    try {
      const [one, other] = [new Uint8Array(COMPARE_SIZE), new Uint8Array(COMPARE_SIZE)]
      for (let position = 0; ;) {
        const got = readFully(first, one, position)
        if (got !== readFully(second, other, position)) return false
        if (!equalBytes(one.subarray(0, got), other.subarray(0, got))) return false
        if (got < COMPARE_SIZE) return true
        position += got
      }
    } finally {
      closeFd(second)
    }
  } finally {
    closeFd(first)
  }
}

/** As much as fits, or up to the end of the file. */
function readFully(fd: number, into: Uint8Array, position: number): number {
  let filled = 0
  while (filled < into.length) {
    const got = readInto(fd, into, filled, into.length - filled, position + filled)
    if (got === 0) break
    filled += got
  }
  return filled
}

function keyOf(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1')
}

function progress(
  { onEvent = ignoreEvents, signal, scratch }: DrillOptions,
  files: number,
  total: number,
  bytes: number,
) {
  onEvent({ type: 'progress', phase: 'restoring a sample', filesDone: files, filesTotal: total, bytesDone: bytes })
  if (signal?.aborted === true) throw new BackupError('interrupted', 'the drill was stopped', scratch)
}
