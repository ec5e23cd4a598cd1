// What the main thread asks of the workers and what they answer. Everything here passes between threads: plain values and
// typed arrays. Tens of thousands of files pass in a second, so files travel as columns, not as objects.
import { packWide, unpackWide } from '../../base/wide-numbers.ts'
import type { Timespec } from '../../base/time.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { Extent } from '../../format/extent.ts'
import type { Xattr } from '../../format/xattr.ts'
import type { CutPlace } from './content-cutter.ts'

/** What has to hold still while a file is read, as the walk saw it. */
export interface FileIdentity {
  readonly size: number
  readonly mtime: Timespec
  readonly ctime: Timespec
  readonly ino: bigint
  readonly dev: bigint
}

/** Numbers a file takes in `FilesJob.identities`. */
const IDENTITY_WIDTH = 9

/** What is asked for the content of one file. */
export interface Treatment {
  /** 0 or the length of the blocks it is cut into. */
  readonly blockSize: number
  /** Number of the method it is compressed with; 0 is the default. */
  readonly method: number
  /** Its chunks are compared with what is stored before they are taken for stored. */
  readonly compared?: boolean
}

export const ORDINARY: Treatment = { blockSize: 0, method: 0 }

/** Many small files at once, or one of a middle size. */
export interface FilesJob {
  readonly kind: 'files'
  /** Absolute paths, raw bytes, one after the other; `pathEnds[i]` is where path i ends. */
  readonly paths: Uint8Array
  readonly pathEnds: Uint32Array
  /** IDENTITY_WIDTH numbers a file. */
  readonly identities: Float64Array
  /** Of each file, 0 or the length of the blocks it is cut into; absent where all are 0. */
  readonly blockSizes?: Uint32Array
  /** Of each file, the number of the method it is compressed with; absent where all are 0. */
  readonly methods?: Uint8Array
  /** Of each file, 1 if its chunks are compared with what is stored; absent where none is. */
  readonly compared?: Uint8Array
}

export function treatmentOf({ blockSizes, methods, compared }: FilesJob, index: number): Treatment {
  if (blockSizes === undefined && methods === undefined && compared === undefined) return ORDINARY
  return { blockSize: blockSizes?.[index] ?? 0, method: methods?.[index] ?? 0, compared: compared?.[index] === 1 }
}

/** A part of one large file: what begins in [start, end). */
export interface SegmentJob {
  readonly kind: 'segment'
  readonly path: Uint8Array
  readonly identity: FileIdentity
  readonly start: number
  readonly end: number
  /** Where cutting begins; before `start`, so that the cuts have fallen into step with a cut from the beginning. */
  readonly from: number
  /** A run of zeros before `from` goes on there. */
  readonly inZeros?: boolean
  /** Not 0: cut at its multiples instead of by content. */
  readonly blockSize?: number
  /** Number of the method it is compressed with; the default when absent. */
  readonly method?: number
  /** Its chunks are compared with what is stored. */
  readonly compared?: boolean
}

/** A bundle of tree blobs that the main thread has encoded and hashed. */
export interface BundleJob {
  readonly kind: 'bundle'
  /** Concatenation of the blobs. */
  readonly plain: Uint8Array
  /** Locators, 24 bytes each. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
  /** 32 bytes each. */
  readonly refs: Uint8Array
  /** 1 tree node, 2 content list node. */
  readonly types: Uint8Array
}

/** Values to be stored as they are: attributes too long for an entry. */
export interface ValuesJob {
  readonly kind: 'values'
  readonly values: readonly Uint8Array[]
}

/** Blobs whose stored copy is not relied on: they are stored whether the index names them or not. */
export interface AgainJob {
  readonly kind: 'again'
  readonly blobs: readonly Uint8Array[]
}

/** Closes the bundle that a worker has kept open from job to job. */
export interface FlushJob {
  readonly kind: 'flush'
}

export type Job = FilesJob | SegmentJob | BundleJob | ValuesJob | AgainJob | FlushJob

/** A block, sealed and verified, on its way into a pack. */
export interface SealedBlock {
  readonly kind: 'data' | 'meta'
  /** Owns its memory: it is moved between threads, not copied. */
  readonly sealed: Uint8Array
  readonly codec: number
  readonly plainLength: number
  /** Locators of its blobs, 24 bytes each. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
}

export const FILE_EXTENTS = 0
export const FILE_FAILED = 1
export const FILE_VANISHED = 2
/** Became too large for one job since it was found; its state is in its FileExtra. */
export const FILE_GREW = 3

/** What few files have, by the file's number in the job. */
export interface FileExtra {
  readonly index: number
  /** The file's state when its bytes were read, where that is not what the walk saw. */
  readonly stat?: FileStat
  readonly xattrs?: readonly Xattr[]
  readonly flags?: number
  /** Trouble codes (docs/format.md, 6.2, key 20). */
  readonly trouble?: readonly number[]
  /** Why attributes are missing, for people. */
  readonly attributesReason?: string
  readonly error?: { readonly code: string; readonly message: string }
}

export interface FilesResult {
  /** One of FILE_… for each file. */
  readonly status: Uint8Array
  /** Extents of the file. */
  readonly counts: Uint32Array
  /** Lengths of all extents in order. */
  readonly lengths: Float64Array
  /** 0 blob, 1 zeros, 2 hole. */
  readonly fills: Uint8Array
  /** Refs of the extents that are blobs, 32 bytes each. */
  readonly refs: Uint8Array
  readonly extras: readonly FileExtra[]
}

export interface SegmentResult {
  readonly extents: readonly Extent[]
  /** Where the first extent that belongs to the segment begins, and where the last one ends. */
  readonly first: CutPlace
  readonly last: CutPlace
  /** Set when the file did not hold still or could not be read. */
  readonly changed: boolean
  readonly error?: { readonly code: string; readonly message: string }
  /** Attributes; only from the segment that begins at 0. */
  readonly extra?: FileExtra
}

/** A blob of a compared file that is stored already, as far as the index knows. */
export interface KnownBlob {
  /** Number of the file in the job. */
  readonly index: number
  readonly ref: Uint8Array
  /** Its bytes in the file; they own their memory. */
  readonly bytes: Uint8Array
}

export interface JobResult {
  readonly files?: FilesResult
  readonly segment?: SegmentResult
  /** The extents of each value. */
  readonly values?: readonly (readonly Extent[])[]
  /** Of compared files, in their order. */
  readonly known?: readonly KnownBlob[]
  readonly blocks: readonly SealedBlock[]
  readonly stats: JobStats
}

export interface JobStats {
  readonly bytesRead: number
  readonly newBlobs: number
  readonly newBytes: number
}

export function packIdentities(files: readonly { readonly stat: FileIdentity }[]): Float64Array {
  const packed = new Float64Array(files.length * IDENTITY_WIDTH)
  let at = 0
  for (const { stat } of files) {
    packed[at] = stat.size
    packed[at + 1] = stat.mtime.sec
    packed[at + 2] = stat.mtime.nsec
    packed[at + 3] = stat.ctime.sec
    packed[at + 4] = stat.ctime.nsec
    packWide(stat.ino, packed, at + 5)
    packWide(stat.dev, packed, at + 7)
    at += IDENTITY_WIDTH
  }
  return packed
}

export function unpackIdentity(packed: Float64Array, index: number): FileIdentity {
  const at = index * IDENTITY_WIDTH
  return {
    size: packed[at]!,
    mtime: { sec: packed[at + 1]!, nsec: packed[at + 2]! },
    ctime: { sec: packed[at + 3]!, nsec: packed[at + 4]! },
    ino: unpackWide(packed, at + 5),
    dev: unpackWide(packed, at + 7),
  }
}

export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return (
    a.size === b.size &&
    a.mtime.nsec === b.mtime.nsec &&
    a.mtime.sec === b.mtime.sec &&
    a.ctime.nsec === b.ctime.nsec &&
    a.ctime.sec === b.ctime.sec &&
    a.ino === b.ino &&
    a.dev === b.dev
  )
}
