// The index of a large repository on this client's disk: when a file is made, which segments it stands for, and what of it
// still counts. As long as all that is not in the file fits a table of a few million blobs, nothing is written; beyond that
// the file is made anew of the old one and of the segments that it lacks.
//
// Whatever may be wrong with the file, it is made again or done without. What counts in it is decided each time by what the
// store lists: an entry is used only if a segment is there that names its pack (docs/format.md, 10, rule W8, for the rest).
import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { concatBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, errnoOf } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import type { DecodedIndexSegment } from '../../format/index-segment.ts'
import { ID_SIZE, packName, parseObjectName } from '../../format/names.ts'
import { FILE_ID_SIZE, IndexFile, indexFileKey, openIndexFile } from './index-file.ts'
import type { Coverage } from './index-coverage.ts'
import { IndexFileWriter } from './index-file-writer.ts'
import { PageFileError } from './sealed-pages.ts'
import type { PageKey } from './sealed-pages.ts'
import { isOfOthers } from './usable-packs.ts'

/** Blobs that are held in memory at most, by default: a table of 90 MB. */
const TABLE_BLOBS_MAX = 2_000_000
/** Bytes of a segment for each blob, a little less than it takes. */
const SEGMENT_BYTES_PER_BLOB = 28
/** Segments fetched at once. */
const READS = 4
/** A file that is being made grows all the time: one that has not for so long is what is left of a process that has ended. */
const ABANDONED_MS = 3_600_000

export interface LocalIndexPlace {
  readonly folder: string
  /** Makes the folder where it is not there; called before something is written. */
  readonly prepare?: () => void
  /** Whether the file stays when this process ends; otherwise it has no name, and goes with the process. */
  readonly kept: boolean
}

export interface LocalIndexOptions {
  /** Where a file may lie, the best place first. */
  readonly places: readonly LocalIndexPlace[]
  /** Called when no file could be made: then the index is in memory, however large it is. */
  readonly onProblem?: (problem: BackupError) => void
  /** Blobs that are held in memory at most. */
  readonly tableBlobsMax?: number
  readonly runEntries?: number
}

/** Whose index it is. */
export interface LocalIndexOwner {
  readonly repoId: Uint8Array
  readonly domainId: Uint8Array
  readonly localKey: Uint8Array
  readonly suite: PageKey['suite']
}

export interface ListedSegment {
  readonly name: string
  readonly size: number
}

/** A segment and whose it is, hex; the error when it is damaged; nothing when it is of another domain. */
export type SegmentReader = (
  name: string,
) => Promise<(DecodedIndexSegment & { readonly wid: string }) | BackupError | undefined>

/** A file that was opened, and what it was made of. */
export interface FiledIndex {
  readonly file: IndexFile
  readonly coverage: Coverage
  /** Names of the segments that it covers. */
  readonly covers: ReadonlySet<string>
}

export class LocalIndex {
  readonly #opts: LocalIndexOptions
  readonly #key: PageKey
  readonly #name: string
  readonly #files: IndexFile[] = []
  #current: FiledIndex | undefined
  /** How many of the places are of no use. */
  #given = 0

  constructor(opts: LocalIndexOptions, { repoId, domainId, localKey, suite }: LocalIndexOwner) {
    this.#opts = opts
    this.#key = indexFileKey(localKey, repoId, suite)
    // Another key of local states has a file of its own: two credentials of one machine may open different bundles.
    const owner = hash(concatBytes([this.#key.key, domainId]))
    this.#name = `${toHex(repoId)}.index-${toHex(owner.subarray(0, 8))}`
  }

  /**
   * The file to be used with these segments; undefined when there is none and none is needed. What it does not cover is for
   * the caller to read, and is not much unless there is a problem. Throws what `read` throws.
   */
  async bring(listed: readonly ListedSegment[], read: SegmentReader): Promise<FiledIndex | undefined> {
    const { places, onProblem } = this.#opts
    this.#current ??= this.#open()
    while (this.#given < places.length && this.#isDue(listed)) {
      try {
        this.#current = await this.#makeOf(this.#current, listed, read)
        return this.#current
      } catch (cause) {
        if (!(cause instanceof PageFileError)) throw cause
        this.#given++
        if (this.#given === places.length) onProblem?.(cause)
      }
    }
    return this.#current
  }

  /** Does without the file that is open: it was found to be damaged. */
  giveUp(): void {
    this.#current = undefined
  }

  /** Nothing that was looked up by the files may be used any more. */
  close(): void {
    for (const file of this.#files.splice(0)) file.close()
    this.#current = undefined
  }

  #isDue(listed: readonly ListedSegment[]): boolean {
    const { tableBlobsMax = TABLE_BLOBS_MAX } = this.#opts
    const missing = listed.filter(({ name }) => this.#current?.covers.has(name) !== true)
    if (blobsOf(missing) > tableBlobsMax) return true
    if (this.#current === undefined) return false
    const { coverage, file } = this.#current
    const named = namedPacks(coverage, new Set(listed.map(({ name }) => name)))
    let living = 0
    for (const number of named) living += coverage.packs.end(number, file.end) - coverage.packs.first(number)
    return living < file.end * LIVING_SHARE_MIN
  }

  #open(): FiledIndex | undefined {
    const place = this.#opts.places.find(({ kept }) => kept)
    if (place === undefined) return undefined
    const path = join(place.folder, this.#name)
    let fd: number
    try {
      fd = openSync(path, 'r')
    } catch {
      return undefined // none was made yet, or this user may not read it: then none can be made either, which is told
    }
    try {
      return this.#filed(fd, path)
    } catch {
      closeSync(fd)
      rmSync(path, { force: true })
      return undefined
    }
  }

  #filed(fd: number, path: string): FiledIndex {
    const { handle, coverage } = openIndexFile(fd, path, this.#key)
    const file = new IndexFile(handle)
    this.#files.push(file)
    return { file, coverage, covers: new Set(coverage.segments.map(({ name }) => name)) }
  }

  /** From the segments alone where the old file turns out to be damaged. */
  async #makeOf(
    old: FiledIndex | undefined,
    listed: readonly ListedSegment[],
    read: SegmentReader,
  ): Promise<FiledIndex> {
    try {
      return await this.#make(old, listed, read)
    } catch (cause) {
      if (!(cause instanceof PageFileError) || old === undefined || cause.subject !== old.file.handle.file.path)
        throw cause
      this.giveUp()
      return this.#make(undefined, listed, read)
    }
  }

  /** Makes the file of what still counts of the old one and of the segments that it lacks. */
  async #make(old: FiledIndex | undefined, listed: readonly ListedSegment[], read: SegmentReader): Promise<FiledIndex> {
    const names = listed.map(({ name }) => name)
    const { folder, kept } = this.#place
    const { runEntries } = this.#opts
    const id = hash(concatBytes(listed.flatMap(({ name }) => hashIn(name)))).slice(0, FILE_ID_SIZE)
    const writer = new IndexFileWriter({
      path: this.#newPath(),
      key: this.#key,
      id,
      ...(runEntries !== undefined && { runEntries }),
    })
    try {
      if (old !== undefined) copyLiving(old, new Set(names), writer)
      const missing = names.filter((name) => old?.covers.has(name) !== true)
      for (let at = 0; at < missing.length; at += READS) {
        const some = missing.slice(at, at + READS)
        const found = await Promise.all(some.map((name) => read(name)))
        for (const [i, segment] of found.entries()) addSegment(writer, some[i]!, segment)
      }
      const path = join(folder, this.#name)
      return this.#filed(await writer.finish(kept ? path : undefined), path)
    } finally {
      writer.discard()
    }
  }

  get #place(): LocalIndexPlace {
    return this.#opts.places[this.#given]!
  }

  /** An empty file that nobody else works on; what nobody works on any more is cleared away. */
  #newPath(): string {
    const { folder, prepare } = this.#place
    const pathOf = (i: number) => join(folder, `${this.#name}.new${i}`)
    try {
      prepare?.()
      let mine = 0
      while (!isCreated(pathOf(mine))) mine++
      // By the clock of the file system, which is the same for both.
      const now = statSync(pathOf(mine)).mtimeMs
      for (let i = 0; i < mine; i++) {
        const other = statSync(pathOf(i), { throwIfNoEntry: false })
        if (other !== undefined && now - other.mtimeMs > ABANDONED_MS) rmSync(pathOf(i), { force: true })
      }
      return pathOf(mine)
    } catch (cause) {
      throw new PageFileError(codeOf(cause), 'the local index cannot be written', folder, { cause })
    }
  }
}

function isCreated(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return false
    throw cause
  }
}

/** Blobs in these segments, or a few more. */
export function blobsOf(segments: readonly ListedSegment[]): number {
  return Math.ceil(segments.reduce((sum, { size }) => sum + size, 0) / SEGMENT_BYTES_PER_BLOB)
}

/** A file of which less than this share of the blocks counts is made anew. */
const LIVING_SHARE_MIN = 0.5

/** Numbers of the packs that some of the segments name. */
function namedPacks({ segments }: Coverage, names: ReadonlySet<string>): Set<number> {
  const named = new Set<number>()
  for (const segment of segments) {
    if (names.has(segment.name)) for (const number of segment.packs) named.add(number)
  }
  return named
}

function copyLiving({ file, coverage }: FiledIndex, names: ReadonlySet<string>, writer: IndexFileWriter): void {
  const numbers = new Map<number, number>()
  for (const number of [...namedPacks(coverage, names)].sort((a, b) => a - b)) {
    numbers.set(number, writer.copyPack(number, coverage.packs, file))
  }
  for (const segment of coverage.segments) {
    if (!names.has(segment.name)) continue
    writer.addSegment({ ...segment, packs: segment.packs.map((number) => numbers.get(number)!) })
  }
}

/** One that is damaged is not covered: it is told each time that it is, and may be whole the next time. */
function addSegment(writer: IndexFileWriter, name: string, segment: Awaited<ReturnType<SegmentReader>>): void {
  if (segment instanceof BackupError) return
  if (segment === undefined) {
    return writer.addSegment({ name, wid: NOBODY, ofOthers: false, packs: [], distrusted: [] })
  }
  const { wid, packs, sessions, distrusted = [] } = segment
  writer.addSegment({
    name,
    wid,
    ofOthers: isOfOthers(segment),
    packs: packs.map((pack) => writer.addPack(pack, sessions)),
    distrusted: distrusted.map((hashed) => packName('data', hashed)),
  })
}

/** In place of the writer of a segment that is of another domain. */
const NOBODY = '0'.repeat(ID_SIZE * 2)

function hashIn(name: string): Uint8Array[] {
  const parsed = parseObjectName(name)
  return parsed?.kind === 'index' ? [fromHex(parsed.hash)!] : []
}
