// docs/format.md, 7: what the sealed part of a snapshot says, a CBOR map.
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { ROOT_NAME_MAX } from './entry-model.ts'
import { REF_SIZE } from './extent.ts'
import type { BlobRef } from './extent.ts'
import {
  clippedText,
  limitCount,
  limitedText,
  need,
  readFilledList,
  readList,
  readTuple,
  withUnknown,
  writeList,
} from './fields.ts'
import { ID_SIZE, SEQ_MAX } from './names.ts'

/** Counts over one backup; sizes in bytes. */
export interface SnapshotStats {
  readonly files: number
  readonly directories: number
  /** Entries that are neither. */
  readonly others: number
  readonly bytes: number
  readonly newFiles: number
  readonly changedFiles: number
  readonly unchangedFiles: number
  readonly newBlobs: number
  readonly newPlainBytes: number
  readonly storedBytes: number
}

/** A file or directory that is not in the snapshot as it was in the source. */
export interface SnapshotTrouble {
  readonly path: Uint8Array
  /** TROUBLE code. */
  readonly code: number
  readonly text: string
}

/** The latest snapshot of another writer that this one saw. */
export interface WriterHead {
  readonly wid: Uint8Array
  readonly seq: number
  readonly hash: Uint8Array
}

export interface SnapshotBody {
  readonly started: Timespec
  readonly ended: Timespec
  readonly host: string
  readonly user: string
  /** Absolute paths. */
  readonly sources: readonly Uint8Array[]
  readonly root: BlobRef
  readonly stats: SnapshotStats
  /** The first TROUBLES_LISTED_MAX of them. */
  readonly troubles: readonly SnapshotTrouble[]
  /** How many there were. */
  readonly troubleCount: number
  /** Something of the sources is missing or may be inconsistent. */
  readonly partial: boolean
  readonly tags: readonly string[]
  readonly heads: readonly WriterHead[]
  readonly toolVersion: string
  /** Hash of the snapshot that unchanged files were taken from. */
  readonly parent?: Uint8Array
  readonly domainId: Uint8Array
  readonly description?: string
  /** Not to be forgotten before, and to be forgotten in time for it to be gone by. */
  readonly keepUntil?: Timespec
  readonly destroyBy?: Timespec
  /** Hash of the snapshot that this one is made of, without some of its paths. */
  readonly rewrittenFrom?: Uint8Array
  readonly unknown?: readonly RawField[]
}

export const DOMAIN_ID_SIZE = 8
export const TROUBLES_LISTED_MAX = 1000
/** Bytes of a host, user, version or tag. */
export const SHORT_TEXT_MAX = 1024
/** Bytes of the text of a trouble. */
export const TROUBLE_TEXT_MAX = 4096
/** Bytes of a description. */
export const DESCRIPTION_MAX = 65_536
export const SOURCES_MAX = 65_536
export const TAGS_MAX = 1024
export const HEADS_MAX = 65_536

const STATS: readonly (keyof SnapshotStats)[] = [
  'files',
  'directories',
  'others',
  'bytes',
  'newFiles',
  'changedFiles',
  'unchangedFiles',
  'newBlobs',
  'newPlainBytes',
  'storedBytes',
]

/** The plaintext of the sealed part. */
export function encodeSnapshotBody(b: SnapshotBody): Uint8Array {
  assert(b.root.length === REF_SIZE && b.domainId.length === DOMAIN_ID_SIZE, 'ref and domain id have their sizes')
  assert(b.troubles.length <= TROUBLES_LISTED_MAX && b.troubleCount >= b.troubles.length, 'troubles are counted')
  limitCount(b.sources, SOURCES_MAX, 'sources')
  limitCount(b.tags, TAGS_MAX, 'tags')
  limitCount(b.heads, HEADS_MAX, 'writers')
  const w = new CborWriter(4096).openMap()
  w.key(0).timespec(b.started)
  w.key(1).timespec(b.ended)
  w.key(2).text(limitedText(b.host, SHORT_TEXT_MAX, 'host name'))
  w.key(3).text(limitedText(b.user, SHORT_TEXT_MAX, 'user name'))
  writeList(w.key(4), b.sources, (path) => w.bytes(path))
  w.key(5).bytes(b.root)
  writeStats(w.key(6), b.stats)
  if (b.troubles.length > 0) {
    writeList(w.key(7), b.troubles, ({ path, code, text }) =>
      w.array(3).bytes(path).uint(code).text(clippedText(text, TROUBLE_TEXT_MAX)),
    )
  }
  w.key(8).uint(b.troubleCount)
  w.key(9).bool(b.partial)
  if (b.tags.length > 0) writeList(w.key(10), b.tags, (tag) => w.text(limitedText(tag, SHORT_TEXT_MAX, 'tag')))
  if (b.heads.length > 0)
    writeList(w.key(11), b.heads, (head) => w.array(3).bytes(head.wid).uint(head.seq).bytes(head.hash))
  w.key(12).text(limitedText(b.toolVersion, SHORT_TEXT_MAX, 'version'))
  if (b.parent !== undefined) w.key(13).bytes(b.parent)
  w.key(14).bytes(b.domainId)
  if (b.description !== undefined) w.key(15).text(limitedText(b.description, DESCRIPTION_MAX, 'description'))
  if (b.keepUntil !== undefined) w.key(16).timespec(b.keepUntil)
  if (b.destroyBy !== undefined) w.key(17).timespec(b.destroyBy)
  if (b.rewrittenFrom !== undefined) w.key(18).bytes(b.rewrittenFrom)
  return w.rawFields(b.unknown).closeMap().finish()
}

/** Reads the plaintext of the sealed part; `corrupt` naming `subject`. Byte strings are views of `bytes`. */
export function decodeSnapshotBody(bytes: Uint8Array, subject: string): SnapshotBody {
  const r = new CborReader(bytes, subject)
  const b: { -readonly [K in keyof SnapshotBody]?: SnapshotBody[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) b.started = r.timespec()
    else if (key === 1) b.ended = r.timespec()
    else if (key === 2) b.host = r.text(SHORT_TEXT_MAX)
    else if (key === 3) b.user = r.text(SHORT_TEXT_MAX)
    else if (key === 4) b.sources = readList(r, SOURCES_MAX, () => r.bytes(ROOT_NAME_MAX))
    else if (key === 5) b.root = r.fixed(REF_SIZE)
    else if (key === 6) b.stats = readStats(r)
    else if (key === 7) b.troubles = readFilledList(r, TROUBLES_LISTED_MAX, () => readTrouble(r))
    else if (key === 8) b.troubleCount = r.uint()
    else if (key === 9) b.partial = r.bool()
    else if (key === 10) b.tags = readFilledList(r, TAGS_MAX, () => r.text(SHORT_TEXT_MAX))
    else if (key === 11) b.heads = readFilledList(r, HEADS_MAX, () => readWriterHead(r))
    else if (key === 12) b.toolVersion = r.text(SHORT_TEXT_MAX)
    else if (key === 13) b.parent = r.fixed(HASH_SIZE)
    else if (key === 14) b.domainId = r.fixed(DOMAIN_ID_SIZE)
    else if (key === 15) b.description = r.text(DESCRIPTION_MAX)
    else if (key === 16) b.keepUntil = r.timespec()
    else if (key === 17) b.destroyBy = r.timespec()
    else if (key === 18) b.rewrittenFrom = r.fixed(HASH_SIZE)
    else return false
    return true
  })
  r.end()
  const troubles = b.troubles ?? []
  const troubleCount = need(r, b.troubleCount, 'number of troubles')
  if (troubleCount < troubles.length) throw r.corrupt('lists more troubles than it counts')
  return {
    started: need(r, b.started, 'time of start'),
    ended: need(r, b.ended, 'time of end'),
    host: need(r, b.host, 'host'),
    user: need(r, b.user, 'user'),
    sources: need(r, b.sources, 'sources'),
    root: need(r, b.root, 'root'),
    stats: need(r, b.stats, 'statistics'),
    troubles,
    troubleCount,
    partial: need(r, b.partial, 'word on whether it is partial'),
    tags: b.tags ?? [],
    heads: b.heads ?? [],
    toolVersion: need(r, b.toolVersion, 'version'),
    ...(b.parent !== undefined && { parent: b.parent }),
    domainId: need(r, b.domainId, 'domain'),
    ...(b.description !== undefined && { description: b.description }),
    ...(b.keepUntil !== undefined && { keepUntil: b.keepUntil }),
    ...(b.destroyBy !== undefined && { destroyBy: b.destroyBy }),
    ...(b.rewrittenFrom !== undefined && { rewrittenFrom: b.rewrittenFrom }),
    ...withUnknown(unknown),
  }
}

export function writeStats(w: CborWriter, stats: SnapshotStats): void {
  w.openMap()
  for (const [key, field] of STATS.entries()) w.key(key).uint(stats[field])
  w.closeMap()
}

/** Counts that a later version added are dropped: a snapshot is never written again, and nobody relies on them. */
export function readStats(r: CborReader): SnapshotStats {
  const found: { -readonly [K in keyof SnapshotStats]?: number } = {}
  r.fields((key) => {
    const field = STATS[key]
    if (field === undefined) return false
    found[field] = r.uint()
    return true
  })
  for (const field of STATS) need(r, found[field], `count of ${field}`)
  return found as SnapshotStats
}

function readTrouble(r: CborReader): SnapshotTrouble {
  return readTuple(r, 3, () => ({ path: r.bytes(ROOT_NAME_MAX), code: r.uint(), text: r.text(TROUBLE_TEXT_MAX) }))
}

function readWriterHead(r: CborReader): WriterHead {
  return readTuple(r, 3, () => ({ wid: r.fixed(ID_SIZE), seq: r.uint(SEQ_MAX), hash: r.fixed(HASH_SIZE) }))
}
