// docs/format.md, 6.2: the encoding of one entry, a CBOR map. This is the hot path of every backup and of every command
// that lists files: a tree of 80,000 entries passes here in both directions for each backup.
import { assert } from '../base/assert.ts'
import { displayText } from '../base/bytes.ts'
import { MAJOR_ARRAY, MAJOR_BYTES } from '../base/cbor.ts'
import type { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import {
  ENTRY_SIZE_MAX,
  entryFlaw,
  INLINE_MAX,
  LEVEL_MAX,
  LINK_GROUP_SIZE,
  NAME_MAX,
  nameFlaw,
  OWNER_NAME_MAX,
  ROOT_NAME_MAX,
  TARGET_MAX,
} from './entry-model.ts'
import type { Content, Entry, EntryKind, NameRule, Subtree } from './entry-model.ts'
import { decodeExtents, encodeExtents, EXTENTS_INLINE_MAX, REF_SIZE } from './extent.ts'
import { limitedText } from './fields.ts'
import { decodeXattrs, encodeXattrs } from './xattr.ts'

export * from './entry-model.ts'
export type { BlobRef, Extent } from './extent.ts'
export type { Xattr } from './xattr.ts'

const KINDS: readonly EntryKind[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block']
const TROUBLES_MAX = 16
const U32_MAX = 0xffff_ffff
const MODE_MAX = 0o7777
const ORDINARY: NameRule = {}
const NO_BYTES = new Uint8Array()
const EPOCH = { sec: 0, nsec: 0 }
// Keys 0, 1, 2, 3, 4, 7 and 10 belong to every entry.
const REQUIRED_KEYS = 0b100_1001_1111

/**
 * Writes one entry; attributes and troubles are put in order. An entry that breaks a rule is a bug and throws
 * AssertionFailed; `limit` names an entry of the source that has more attributes or a greater size than an entry can say.
 */
export function encodeEntry(w: CborWriter, e: Entry, rule: NameRule = ORDINARY): void {
  const start = w.length
  const flaw = nameFlaw(e.name, rule) ?? entryFlaw(e)
  assert(flaw === undefined, `an entry to be written ${flaw}: ${displayText(e.name)}`)
  assert(e.mode <= MODE_MAX && e.uid <= U32_MAX && e.gid <= U32_MAX, 'mode, uid and gid are in range')
  w.openMap()
  w.key(0).bytes(e.name)
  w.key(1).uint(KINDS.indexOf(e.kind) + 1)
  w.key(2).uint(e.mode)
  w.key(3).uint(e.uid)
  w.key(4).uint(e.gid)
  if (e.user !== undefined) w.key(5).text(ownerName(e.user))
  if (e.group !== undefined) w.key(6).text(ownerName(e.group))
  w.key(7).timespec(inRange(e.mtime))
  if (e.ctime !== undefined) w.key(8).timespec(inRange(e.ctime))
  if (e.btime !== undefined) w.key(9).timespec(inRange(e.btime))
  w.key(10).bigUint(e.ino)
  if (e.size !== undefined) w.key(11).uint(checkedSize(e.size, e.name))
  if (e.links !== undefined && e.links !== 1) w.key(12).uint(e.links)
  if (e.linkGroup !== undefined) w.key(13).bytes(e.linkGroup)
  if (e.device !== undefined) w.key(14).array(2).uint(e.device.major).uint(e.device.minor)
  if (e.flags !== undefined && e.flags !== 0) w.key(15).uint(e.flags)
  if (e.xattrs !== undefined && e.xattrs.length > 0) encodeXattrs(w.key(16), e.xattrs, displayText(e.name))
  if (e.target !== undefined) w.key(17).bytes(e.target)
  if (e.content !== undefined) encodeContent(w.key(18), e.content)
  if (e.subtree !== undefined) w.key(19).array(3).bytes(e.subtree.ref).uint(e.subtree.entries).uint(e.subtree.bytes)
  if (e.trouble !== undefined && e.trouble.length > 0) encodeTrouble(w.key(20), e.trouble)
  w.rawFields(e.unknown).closeMap()
  if (w.length - start > ENTRY_SIZE_MAX) {
    throw new BackupError('limit', `entry needs more than ${ENTRY_SIZE_MAX} bytes`, displayText(e.name))
  }
}

/**
 * Reads one entry; `corrupt` naming the reader's object for everything that a writer must not write. Names, refs and
 * other byte strings are views of what the reader reads: copy what has to outlive it.
 */
export function decodeEntry(r: CborReader, rule: NameRule = ORDINARY): Entry {
  const start = r.position
  // Keys ascend, so optional fields are added in one order and entries have few shapes.
  const e: { -readonly [K in keyof Entry]: Entry[K] } = {
    name: NO_BYTES,
    kind: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: EPOCH,
    ino: 0n,
  }
  let seen = 0
  const count = r.map()
  for (let i = 0, key = -1; i < count; i++) {
    key = r.key(key)
    if (key < 31) seen |= 1 << key
    if (key === 0) e.name = r.bytes(rule.root === true ? ROOT_NAME_MAX : NAME_MAX)
    else if (key === 1) e.kind = decodeKind(r)
    else if (key === 2) e.mode = r.uint(MODE_MAX)
    else if (key === 3) e.uid = r.uint(U32_MAX)
    else if (key === 4) e.gid = r.uint(U32_MAX)
    else if (key === 5) e.user = r.text(OWNER_NAME_MAX)
    else if (key === 6) e.group = r.text(OWNER_NAME_MAX)
    else if (key === 7) e.mtime = r.timespec()
    else if (key === 8) e.ctime = r.timespec()
    else if (key === 9) e.btime = r.timespec()
    else if (key === 10) e.ino = r.bigUint()
    else if (key === 11) e.size = r.uint()
    else decodeRareField(r, key, e)
  }
  r.leave()
  if ((seen & REQUIRED_KEYS) !== REQUIRED_KEYS) throw r.corrupt('has an entry without one of the keys 0–4, 7, 10,')
  const flaw = nameFlaw(e.name, rule) ?? entryFlaw(e)
  if (flaw !== undefined) throw r.corrupt(`has an entry that ${flaw},`)
  if (r.position - start > ENTRY_SIZE_MAX) throw r.corrupt(`has an entry of more than ${ENTRY_SIZE_MAX} bytes`)
  return e
}

/** The subtree of the next entry, if it has one, and nothing else: for who reads ahead. What it says is not checked. */
export function skimSubtree(r: CborReader): Subtree | undefined {
  let subtree: Subtree | undefined
  r.fields((key) => {
    if (key === 19) subtree = decodeSubtree(r)
    else r.item()
    return true
  })
  return subtree
}

function decodeRareField(r: CborReader, key: number, e: { -readonly [K in keyof Entry]: Entry[K] }): void {
  if (key === 12) e.links = atLeast(r, r.uint(), 2)
  else if (key === 13) e.linkGroup = r.fixed(LINK_GROUP_SIZE)
  else if (key === 14) e.device = decodeDevice(r)
  else if (key === 15) e.flags = atLeast(r, r.uint(U32_MAX), 1)
  else if (key === 16) e.xattrs = decodeXattrs(r)
  else if (key === 17) e.target = r.bytes(TARGET_MAX)
  else if (key === 18) e.content = decodeContent(r)
  else if (key === 19) e.subtree = decodeSubtree(r)
  else if (key === 20) e.trouble = decodeTrouble(r)
  else e.unknown = [...(e.unknown ?? []), { key, value: r.item() }]
}

function decodeKind(r: CborReader): EntryKind {
  const kind = KINDS[r.uint() - 1]
  if (kind === undefined) throw r.corrupt('has an unknown kind of entry')
  return kind
}

function decodeDevice(r: CborReader): { major: number; minor: number } {
  if (r.array() !== 2) throw r.corrupt('has a device that is not a pair')
  const major = r.uint(U32_MAX)
  const minor = r.uint(U32_MAX)
  r.leave()
  return { major, minor }
}

// Content is told apart by its major type: bytes are inline, an array has extents, a map is a content list.
function encodeContent(w: CborWriter, content: Content): void {
  if (content.kind === 'inline') w.bytes(content.bytes)
  else if (content.kind === 'extents') encodeExtents(w, content.extents)
  else w.openMap().key(0).uint(content.level).key(1).bytes(content.ref).key(2).uint(content.count).closeMap()
}

function decodeContent(r: CborReader): Content {
  const major = r.major()
  if (major === MAJOR_BYTES) return { kind: 'inline', bytes: r.bytes(INLINE_MAX) }
  if (major === MAJOR_ARRAY) return { kind: 'extents', extents: decodeExtents(r, EXTENTS_INLINE_MAX) }
  let level: number | undefined
  let ref: Uint8Array | undefined
  let count = 0
  const unknown = r.fields((key) => {
    if (key === 0) level = r.uint(LEVEL_MAX)
    else if (key === 1) ref = r.fixed(REF_SIZE)
    else if (key === 2) count = r.uint()
    else return false
    return true
  })
  if (level === undefined || ref === undefined || unknown !== undefined) throw r.corrupt('has a broken content list')
  return { kind: 'list', level, ref, count }
}

function decodeSubtree(r: CborReader): Subtree {
  if (r.array() !== 3) throw r.corrupt('has a subtree that is not a triple')
  const ref = r.fixed(REF_SIZE)
  const entries = r.uint()
  const bytes = r.uint()
  r.leave()
  return { ref, entries, bytes }
}

function encodeTrouble(w: CborWriter, trouble: readonly number[]): void {
  const codes = [...new Set(trouble)].sort((a, b) => a - b)
  assert(codes.length <= TROUBLES_MAX, 'an entry has few kinds of trouble')
  w.array(codes.length)
  for (const code of codes) w.uint(code)
}

/** Codes that this version does not know are kept: they still say that something went wrong. */
function decodeTrouble(r: CborReader): number[] {
  const count = r.array(TROUBLES_MAX)
  if (count === 0) throw r.corrupt('has an empty list of troubles')
  const codes: number[] = []
  for (let i = 0, previous = -1; i < count; i++) {
    const code = r.uint()
    if (code <= previous) throw r.corrupt('has troubles out of order')
    codes.push((previous = code))
  }
  r.leave()
  return codes
}

/** Some file systems keep any 64-bit second; one that no reader could tell apart becomes the nearest that it can. */
function inRange(time: Timespec): Timespec {
  if (Number.isSafeInteger(time.sec)) return time
  return { sec: Math.sign(time.sec) * Number.MAX_SAFE_INTEGER, nsec: time.nsec }
}

/** A sparse file may claim 2^63 bytes. */
function checkedSize(size: number, name: Uint8Array): number {
  if (Number.isSafeInteger(size)) return size
  throw new BackupError('limit', `entry has a size of ${size} bytes, more than 2^53-1`, displayText(name))
}

function ownerName(name: string): string {
  // UTF-8 has at most three bytes for a unit of a string; the exact count is for names that nobody has.
  return name.length * 3 <= OWNER_NAME_MAX ? name : limitedText(name, OWNER_NAME_MAX, 'name of an owner')
}

/** A field with a default is left out when it has it, so that an entry has one encoding. */
function atLeast(r: CborReader, value: number, least: number): number {
  if (value < least) throw r.corrupt(`has ${value} where the field belongs left out,`)
  return value
}
