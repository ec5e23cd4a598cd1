// docs/format.md, 2: every name of an object in a repository, made and parsed.
import { assert } from '../base/assert.ts'
import { isHex, toHex } from '../base/bytes.ts'
import { HASH_SIZE } from '../crypto/hash.ts'

/** Longest object name in bytes; the longest that Holdfast makes has 172. */
export const OBJECT_NAME_MAX = 200
/** Bytes of `wid`, `sid`, `pid` and of the number of a copy in the trash. */
export const ID_SIZE = 16

/** Folders of a repository, each a prefix for `list`. */
export const PREFIXES = {
  format: 'format/',
  keys: 'keys/',
  writers: 'writers/',
  sessionKeys: 'skeys/',
  data: 'data/',
  meta: 'meta/',
  index: 'index/',
  snapshots: 'snap/',
  sessions: 'sess/',
  plans: 'gc/',
  log: 'log/',
  enrolments: 'enrol/',
  trash: 'trash/',
  parity: 'parity/',
  damaged: 'damaged/',
} as const

export type PackKind = 'data' | 'meta'

/** What a name says. Hashes and identifiers are lower-case hex. */
export type ObjectName =
  | { readonly kind: 'description'; readonly number: number }
  | { readonly kind: 'key-slot'; readonly hash: string }
  | { readonly kind: 'writer'; readonly wid: string }
  | { readonly kind: 'session-keys'; readonly sid: string }
  | { readonly kind: 'pack'; readonly packKind: PackKind; readonly hash: string }
  | { readonly kind: 'index'; readonly hash: string }
  | { readonly kind: 'snapshot'; readonly wid: string; readonly seq: number; readonly hash: string }
  | { readonly kind: 'session'; readonly sid: string }
  | { readonly kind: 'heartbeat'; readonly sid: string; readonly number: number }
  | { readonly kind: 'session-end'; readonly sid: string }
  | { readonly kind: 'plan'; readonly pid: string }
  | { readonly kind: 'log'; readonly wid: string; readonly seq: number; readonly hash: string }
  | { readonly kind: 'enrolment'; readonly hash: string }
  /** Makes good the object of that name. */
  | { readonly kind: 'parity'; readonly of: string }
  /** A repair has taken it out of the way. */
  | { readonly kind: 'set-aside'; readonly of: string }
  /** A copy in the trash. */
  | { readonly kind: 'trash'; readonly wid: string; readonly seq: number; readonly hash: string; readonly copy: string }

/** Greatest number in `format/<n>` and `.hb<n>`; a session mark has it in 32 bits, and 2^32-1 stands for the end. */
export const NAME_NUMBER_MAX = 0xffff_fffe
/** Greatest sequence number: names have ten decimal digits. */
export const SEQ_MAX = 9_999_999_999
const SEQ_DIGITS = 10
/** Of the hash of damaged bytes. */
const VERSION_DIGITS = 16

export const descriptionName = (number: number): string => `format/${decimal(number)}`
export const keySlotName = (hash: Uint8Array | string): string => `keys/${hex(hash, HASH_SIZE)}`
export const writerName = (wid: Uint8Array | string): string => `writers/${hex(wid, ID_SIZE)}`
export const sessionKeysName = (sid: Uint8Array | string): string => `skeys/${hex(sid, ID_SIZE)}`
export const indexName = (hash: Uint8Array | string): string => `index/${hex(hash, HASH_SIZE)}`
export const sessionName = (sid: Uint8Array | string): string => `sess/${hex(sid, ID_SIZE)}`
export const heartbeatName = (sid: Uint8Array | string, number: number): string =>
  `sess/${hex(sid, ID_SIZE)}.hb${decimal(number)}`
export const sessionEndName = (sid: Uint8Array | string): string => `sess/${hex(sid, ID_SIZE)}.end`
export const planName = (pid: Uint8Array | string): string => `gc/${hex(pid, ID_SIZE)}`
export const logPrefix = (wid: Uint8Array | string): string => `log/${hex(wid, ID_SIZE)}/`
export const logName = (wid: Uint8Array | string, seq: number, hash: Uint8Array | string): string =>
  `${logPrefix(wid)}${sequence(seq)}-${hex(hash, HASH_SIZE)}`
export const enrolmentName = (hash: Uint8Array | string): string => `enrol/${hex(hash, HASH_SIZE)}`
/** Of the parity of an object. */
export const parityName = (of: string): string => `parity/${of}`
/** Where a repair puts what is damaged and needed by nobody, by the hash of the bytes that were there: it may be more than once. */
export const damagedName = (of: string, bytesHash: Uint8Array): string =>
  `damaged/${hex(bytesHash, HASH_SIZE).slice(0, VERSION_DIGITS)}/${of}`
export const snapshotPrefix = (wid: Uint8Array | string): string => `snap/${hex(wid, ID_SIZE)}/`
export const snapshotName = (wid: Uint8Array | string, seq: number, hash: Uint8Array | string): string =>
  `${snapshotPrefix(wid)}${sequence(seq)}-${hex(hash, HASH_SIZE)}`
/** A copy of a forgotten snapshot, for as long as that can be brought back. */
export const trashName = (
  wid: Uint8Array | string,
  seq: number,
  hash: Uint8Array | string,
  copy: Uint8Array | string,
): string => `${trashCopiesPrefix(wid, seq, hash)}${hex(copy, ID_SIZE)}`
/** Of all copies of one snapshot. */
export const trashCopiesPrefix = (wid: Uint8Array | string, seq: number, hash: Uint8Array | string): string =>
  `${trashPrefix(wid)}${sequence(seq)}-${hex(hash, HASH_SIZE)}-`
export const trashPrefix = (wid: Uint8Array | string): string => `trash/${hex(wid, ID_SIZE)}/`

export function packName(kind: PackKind, hash: Uint8Array | string): string {
  const digits = hex(hash, HASH_SIZE)
  return `${kind}/${digits.slice(0, 2)}/${digits}`
}

/** Whether a store accepts `name`: the characters of section 2, no empty part, no part that begins with a dot. */
export function isObjectName(name: string): boolean {
  return name.length <= OBJECT_NAME_MAX && /^[0-9a-z_-][0-9a-z._-]*(\/[0-9a-z_-][0-9a-z._-]*)*$/.test(name)
}

const PATTERN = new RegExp(
  [
    '^(?:',
    'format/(?<description>0|[1-9][0-9]{0,9})',
    '|keys/(?<slot>[0-9a-f]{64})',
    '|writers/(?<writer>[0-9a-f]{32})',
    '|skeys/(?<sessionKeys>[0-9a-f]{32})',
    '|(?<packKind>data|meta)/(?<fan>[0-9a-f]{2})/(?<pack>\\k<fan>[0-9a-f]{62})',
    '|index/(?<index>[0-9a-f]{64})',
    '|snap/(?<wid>[0-9a-f]{32})/(?<seq>[0-9]{10})-(?<snapshot>[0-9a-f]{64})',
    '|sess/(?<sid>[0-9a-f]{32})(?<mark>\\.end|\\.hb(?<beat>0|[1-9][0-9]{0,9}))?',
    '|gc/(?<plan>[0-9a-f]{32})',
    '|log/(?<logWid>[0-9a-f]{32})/(?<logSeq>[0-9]{10})-(?<log>[0-9a-f]{64})',
    '|enrol/(?<enrolment>[0-9a-f]{64})',
    '|damaged/[0-9a-f]{16}/(?<setAside>.+)',
    '|parity/(?<parity>(?:format|writers|skeys|data|meta|snap|log)/.+)',
    '|trash/(?<trashWid>[0-9a-f]{32})/(?<trashSeq>[0-9]{10})-(?<trash>[0-9a-f]{64})-(?<copy>[0-9a-f]{32})',
    ')$',
  ].join(''),
)

/** What an object's name says; null if it is not the name of anything in a repository. */
export function parseObjectName(name: string): ObjectName | null {
  if (!isObjectName(name)) return null
  const g = PATTERN.exec(name)?.groups
  if (g === undefined) return null
  if (g['description'] !== undefined) return numbered(g['description'], (number) => ({ kind: 'description', number }))
  if (g['slot'] !== undefined) return { kind: 'key-slot', hash: g['slot'] }
  if (g['writer'] !== undefined) return { kind: 'writer', wid: g['writer'] }
  if (g['sessionKeys'] !== undefined) return { kind: 'session-keys', sid: g['sessionKeys'] }
  if (g['pack'] !== undefined) return { kind: 'pack', packKind: g['packKind'] as PackKind, hash: g['pack'] }
  if (g['index'] !== undefined) return { kind: 'index', hash: g['index'] }
  if (g['snapshot'] !== undefined) {
    return { kind: 'snapshot', wid: g['wid']!, seq: Number(g['seq']), hash: g['snapshot'] }
  }
  if (g['sid'] !== undefined) {
    const sid = g['sid']
    if (g['mark'] === undefined) return { kind: 'session', sid }
    if (g['beat'] === undefined) return { kind: 'session-end', sid }
    return numbered(g['beat'], (number) => ({ kind: 'heartbeat', sid, number }))
  }
  if (g['plan'] !== undefined) return { kind: 'plan', pid: g['plan'] }
  if (g['log'] !== undefined) {
    return { kind: 'log', wid: g['logWid']!, seq: Number(g['logSeq']), hash: g['log'] }
  }
  if (g['enrolment'] !== undefined) return { kind: 'enrolment', hash: g['enrolment'] }
  if (g['setAside'] !== undefined) return parseObjectName(g['setAside']) && { kind: 'set-aside', of: g['setAside'] }
  if (g['parity'] !== undefined) return parseObjectName(g['parity']) && { kind: 'parity', of: g['parity'] }
  return { kind: 'trash', wid: g['trashWid']!, seq: Number(g['trashSeq']), hash: g['trash']!, copy: g['copy']! }
}

/** The hash of the object's bytes where its name promises one, as hex. */
export function hashInName(name: ObjectName): string | null {
  return 'hash' in name ? name.hash : null
}

function numbered(digits: string, make: (number: number) => ObjectName): ObjectName | null {
  const number = Number(digits)
  return number <= NAME_NUMBER_MAX ? make(number) : null
}

function hex(value: Uint8Array | string, size: number): string {
  const isWhole = typeof value === 'string' ? value.length === size * 2 && isHex(value) : value.length === size
  assert(isWhole, `an identifier in a name has ${size} bytes`)
  return typeof value === 'string' ? value : toHex(value)
}

function decimal(number: number): string {
  assert(Number.isInteger(number) && number >= 0 && number <= NAME_NUMBER_MAX, 'a number in a name has 32 bits')
  return String(number)
}

function sequence(seq: number): string {
  assert(Number.isSafeInteger(seq) && seq >= 0 && seq <= SEQ_MAX, 'a sequence number has at most ten digits')
  return String(seq).padStart(SEQ_DIGITS, '0')
}
