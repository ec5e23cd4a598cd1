// docs/format.md, 3.3: the capability bundle, what a key slot opens, the secrets of its holder's role. A CBOR map, only ever stored sealed.
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { KEY_SIZE } from '../crypto/hash.ts'
import { KEM_PRIVATE_KEY_SIZE, KEM_PUBLIC_KEY_SIZE } from '../crypto/kem.ts'
import type { Suite } from '../crypto/seal.ts'
import { SIGNING_PUBLIC_KEY_SIZE, SIGNING_SEED_SIZE } from '../crypto/signing.ts'
import { limitCount, limitedText, need, readFilledList, readTrue, withUnknown, writeList } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { RECIPIENT_SIZE } from './session-keys.ts'
import { DOMAIN_ID_SIZE, SHORT_TEXT_MAX } from './snapshot-body.ts'

export type Role = 'admin' | 'read' | 'maintain' | 'write' | 'report'
const ROLES: readonly Role[] = ['admin', 'read', 'maintain', 'write', 'report']

/** Machines that share blobs, and their secrets; every key has 32 bytes unless stated. */
export interface Domain {
  /** 8 bytes. */
  readonly id: Uint8Array
  readonly name: string
  /** `K_id`: blob references. */
  readonly keyId: Uint8Array
  /** `K_loc`: locators. */
  readonly keyLoc: Uint8Array
  /** `K_cdc`: chunker, splits of directories. */
  readonly keyCdc: Uint8Array
  /** `K_idx`: index, directories, sessions, plans. */
  readonly keyIdx: Uint8Array
  /** 1,216 bytes: to which data secrets of sessions are encapsulated. */
  readonly dataPublic: Uint8Array
  readonly metaPublic: Uint8Array
  /** 96 bytes, for who may read files. */
  readonly dataPrivate?: Uint8Array
  /** For who may read trees. */
  readonly metaPrivate?: Uint8Array
  /** Key pairs of before, the newest first: for what was stored then. */
  readonly older?: readonly OlderKeys[]
  /** What is stored for it is authenticated only: everybody who has the store may read it. */
  readonly isPublic?: true
  readonly unknown?: readonly RawField[]
}

/** Two key pairs that new ones have replaced. */
export interface OlderKeys {
  /** `recipientOf` the public keys, 16 bytes each. */
  readonly data: Uint8Array
  readonly meta: Uint8Array
  readonly dataPrivate?: Uint8Array
  readonly metaPrivate?: Uint8Array
}

/** What the role *report* has of a domain. */
export interface ReportDomain {
  /** 8 bytes. */
  readonly id: Uint8Array
  readonly name: string
  /** `K_rep`: summaries of snapshots. */
  readonly keyReport: Uint8Array
  readonly isPublic?: true
}

export interface Bundle {
  readonly repoId: Uint8Array
  readonly role: Role
  /** None exactly where there are `reports` instead. */
  readonly domains: readonly Domain[]
  /** For the role *report*. */
  readonly reports?: readonly ReportDomain[]
  readonly rootPublic: Uint8Array
  /** Admins only. */
  readonly rootSeed?: Uint8Array
  /** When the bundle belongs to one enrolled writer whose key was not made on its own machine. */
  readonly writer?: { readonly wid: Uint8Array; readonly seed: Uint8Array }
  /** Seals what a client keeps on its own disk. */
  readonly localKey: Uint8Array
  readonly unknown?: readonly RawField[]
}

const BUNDLE_VERSION = 1
/** Domains of one capability bundle; 256 of them are 700 KiB. */
export const DOMAINS_MAX = 256
/** Key pairs of a domain that new ones have replaced: one a week for nineteen years. */
export const OLDER_KEYS_MAX = 1000

/** The suite of what is sealed for a domain, in a repository of that suite. */
export function suiteFor({ isPublic }: Pick<Domain, 'isPublic'>, suite: Suite): Suite {
  return isPublic === true ? 0 : suite
}

export function roleNumber(role: Role): number {
  return ROLES.indexOf(role) + 1
}

/** Reads the number of a role; `unsupported` for one of a later version. */
export function readRole(r: CborReader, subject: string): Role {
  const number = r.uint()
  const role = ROLES[number - 1]
  if (role === undefined) throw new BackupError('unsupported', `role ${number} is not known to this version`, subject)
  return role
}

/** The plaintext of a capability bundle. It holds secrets: wipe it after sealing. */
export function encodeBundle(b: Bundle): Uint8Array {
  const parts = b.role === 'report' ? (b.reports ?? []) : b.domains
  assert(parts.length >= 1 && parts.length <= DOMAINS_MAX, `a capability bundle has 1 to ${DOMAINS_MAX} domains`)
  assert(
    (b.role === 'report') === (b.reports !== undefined && b.domains.length === 0),
    'only the role report has reports',
  )
  const w = new CborWriter(4096).openMap()
  w.key(0).uint(BUNDLE_VERSION)
  w.key(1).bytes(sized(b.repoId, ID_SIZE))
  w.key(2).uint(roleNumber(b.role))
  if (b.role !== 'report') writeList(w.key(3), b.domains, (domain) => writeDomain(w, domain))
  w.key(4).bytes(sized(b.rootPublic, SIGNING_PUBLIC_KEY_SIZE))
  if (b.rootSeed !== undefined) w.key(5).bytes(sized(b.rootSeed, SIGNING_SEED_SIZE))
  if (b.writer !== undefined) writeBundleWriter(w.key(6), b.writer)
  w.key(7).bytes(sized(b.localKey, KEY_SIZE))
  if (b.reports !== undefined) writeList(w.key(8), b.reports, (domain) => writeReportDomain(w, domain))
  return w.rawFields(b.unknown).closeMap().finish()
}

/** Reads the plaintext of a capability bundle; everything is copied, so that `bytes` can be wiped. `corrupt` naming `subject`. */
export function decodeBundle(bytes: Uint8Array, subject: string): Bundle {
  const r = new CborReader(bytes, subject)
  const b: { -readonly [K in keyof Bundle]?: Bundle[K] } = {}
  let version: number | undefined
  const unknown = r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) b.repoId = r.fixed(ID_SIZE).slice()
    else if (key === 2) b.role = readRole(r, subject)
    else if (key === 3) b.domains = readFilledList(r, DOMAINS_MAX, () => readDomain(r))
    else if (key === 4) b.rootPublic = r.fixed(SIGNING_PUBLIC_KEY_SIZE).slice()
    else if (key === 5) b.rootSeed = r.fixed(SIGNING_SEED_SIZE).slice()
    else if (key === 6) b.writer = readBundleWriter(r)
    else if (key === 7) b.localKey = r.fixed(KEY_SIZE).slice()
    else if (key === 8) b.reports = readFilledList(r, DOMAINS_MAX, () => readReportDomain(r))
    else return false
    return true
  })
  r.end()
  if (need(r, version, 'version') !== BUNDLE_VERSION) {
    throw new BackupError('unsupported', `capability bundle has version ${version}`, subject)
  }
  const role = need(r, b.role, 'role')
  if (role === 'report' ? b.domains !== undefined : b.reports !== undefined) {
    throw r.corrupt(`has domains that do not belong to the role ${role},`)
  }
  return {
    repoId: need(r, b.repoId, 'repository id'),
    role,
    ...(role === 'report'
      ? { domains: [], reports: need(r, b.reports, 'domains') }
      : { domains: need(r, b.domains, 'domains') }),
    rootPublic: need(r, b.rootPublic, 'root key'),
    ...(b.rootSeed !== undefined && { rootSeed: b.rootSeed }),
    ...(b.writer !== undefined && { writer: b.writer }),
    localKey: need(r, b.localKey, 'key of the local state'),
    ...withUnknown(unknown?.map((field) => ({ key: field.key, value: field.value.slice() }))),
  }
}

function writeDomain(w: CborWriter, d: Domain): void {
  w.openMap()
  w.key(0).bytes(sized(d.id, DOMAIN_ID_SIZE))
  w.key(1).text(limitedText(d.name, SHORT_TEXT_MAX, 'name of a domain'))
  w.key(2).bytes(sized(d.keyId, KEY_SIZE))
  w.key(3).bytes(sized(d.keyLoc, KEY_SIZE))
  w.key(4).bytes(sized(d.keyCdc, KEY_SIZE))
  w.key(5).bytes(sized(d.keyIdx, KEY_SIZE))
  w.key(6).bytes(sized(d.dataPublic, KEM_PUBLIC_KEY_SIZE))
  w.key(7).bytes(sized(d.metaPublic, KEM_PUBLIC_KEY_SIZE))
  if (d.dataPrivate !== undefined) w.key(8).bytes(sized(d.dataPrivate, KEM_PRIVATE_KEY_SIZE))
  if (d.metaPrivate !== undefined) w.key(9).bytes(sized(d.metaPrivate, KEM_PRIVATE_KEY_SIZE))
  if (d.older !== undefined && d.older.length > 0) {
    limitCount(d.older, OLDER_KEYS_MAX, 'key pairs of a domain')
    writeList(w.key(10), d.older, (keys) => writeOlder(w, keys))
  }
  if (d.isPublic === true) w.key(11).bool(true)
  w.rawFields(d.unknown).closeMap()
}

function readDomain(r: CborReader): Domain {
  const d: { -readonly [K in keyof Domain]?: Domain[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) d.id = r.fixed(DOMAIN_ID_SIZE).slice()
    else if (key === 1) d.name = r.text(SHORT_TEXT_MAX)
    else if (key === 2) d.keyId = r.fixed(KEY_SIZE).slice()
    else if (key === 3) d.keyLoc = r.fixed(KEY_SIZE).slice()
    else if (key === 4) d.keyCdc = r.fixed(KEY_SIZE).slice()
    else if (key === 5) d.keyIdx = r.fixed(KEY_SIZE).slice()
    else if (key === 6) d.dataPublic = r.fixed(KEM_PUBLIC_KEY_SIZE).slice()
    else if (key === 7) d.metaPublic = r.fixed(KEM_PUBLIC_KEY_SIZE).slice()
    else if (key === 8) d.dataPrivate = r.fixed(KEM_PRIVATE_KEY_SIZE).slice()
    else if (key === 9) d.metaPrivate = r.fixed(KEM_PRIVATE_KEY_SIZE).slice()
    else if (key === 10) d.older = readFilledList(r, OLDER_KEYS_MAX, () => readOlder(r))
    else if (key === 11) d.isPublic = readTrue(r)
    else return false
    return true
  })
  return {
    id: need(r, d.id, 'domain id'),
    name: need(r, d.name, 'name of a domain'),
    keyId: need(r, d.keyId, 'K_id'),
    keyLoc: need(r, d.keyLoc, 'K_loc'),
    keyCdc: need(r, d.keyCdc, 'K_cdc'),
    keyIdx: need(r, d.keyIdx, 'K_idx'),
    dataPublic: need(r, d.dataPublic, 'public key for data'),
    metaPublic: need(r, d.metaPublic, 'public key for trees'),
    ...(d.dataPrivate !== undefined && { dataPrivate: d.dataPrivate }),
    ...(d.metaPrivate !== undefined && { metaPrivate: d.metaPrivate }),
    ...(d.older !== undefined && { older: d.older }),
    ...(d.isPublic === true && { isPublic: d.isPublic }),
    ...withUnknown(unknown?.map((field) => ({ key: field.key, value: field.value.slice() }))),
  }
}

function writeOlder(w: CborWriter, { data, meta, dataPrivate, metaPrivate }: OlderKeys): void {
  w.openMap().key(0).bytes(sized(data, RECIPIENT_SIZE)).key(1).bytes(sized(meta, RECIPIENT_SIZE))
  if (dataPrivate !== undefined) w.key(2).bytes(sized(dataPrivate, KEM_PRIVATE_KEY_SIZE))
  if (metaPrivate !== undefined) w.key(3).bytes(sized(metaPrivate, KEM_PRIVATE_KEY_SIZE))
  w.closeMap()
}

function readOlder(r: CborReader): OlderKeys {
  const keys: { -readonly [K in keyof OlderKeys]?: OlderKeys[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) keys.data = r.fixed(RECIPIENT_SIZE).slice()
    else if (key === 1) keys.meta = r.fixed(RECIPIENT_SIZE).slice()
    else if (key === 2) keys.dataPrivate = r.fixed(KEM_PRIVATE_KEY_SIZE).slice()
    else if (key === 3) keys.metaPrivate = r.fixed(KEM_PRIVATE_KEY_SIZE).slice()
    else return false
    return true
  })
  if (unknown !== undefined) throw r.corrupt('has a field too many for older keys')
  const { data, meta, ...privates } = keys
  return { data: need(r, data, 'older data key'), meta: need(r, meta, 'older meta key'), ...privates }
}

function writeReportDomain(w: CborWriter, d: ReportDomain): void {
  w.openMap()
  w.key(0).bytes(sized(d.id, DOMAIN_ID_SIZE))
  w.key(1).text(limitedText(d.name, SHORT_TEXT_MAX, 'name of a domain'))
  w.key(2).bytes(sized(d.keyReport, KEY_SIZE))
  if (d.isPublic === true) w.key(3).bool(true)
  w.closeMap()
}

function readReportDomain(r: CborReader): ReportDomain {
  const d: { -readonly [K in keyof ReportDomain]?: ReportDomain[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) d.id = r.fixed(DOMAIN_ID_SIZE).slice()
    else if (key === 1) d.name = r.text(SHORT_TEXT_MAX)
    else if (key === 2) d.keyReport = r.fixed(KEY_SIZE).slice()
    else if (key === 3) d.isPublic = readTrue(r)
    else return false
    return true
  })
  if (unknown !== undefined) throw r.corrupt('has a field too many for a domain of a report')
  return {
    id: need(r, d.id, 'domain id'),
    name: need(r, d.name, 'name of a domain'),
    keyReport: need(r, d.keyReport, 'K_rep'),
    ...(d.isPublic === true && { isPublic: d.isPublic }),
  }
}

/** Writes `{0: wid, 1: seed}`. */
export function writeBundleWriter(w: CborWriter, { wid, seed }: NonNullable<Bundle['writer']>): void {
  w.openMap().key(0).bytes(sized(wid, ID_SIZE)).key(1).bytes(sized(seed, SIGNING_SEED_SIZE)).closeMap()
}

export function readBundleWriter(r: CborReader): { wid: Uint8Array; seed: Uint8Array } {
  let wid: Uint8Array | undefined
  let seed: Uint8Array | undefined
  const unknown = r.fields((key) => {
    if (key === 0) wid = r.fixed(ID_SIZE).slice()
    else if (key === 1) seed = r.fixed(SIGNING_SEED_SIZE).slice()
    else return false
    return true
  })
  if (unknown !== undefined) throw r.corrupt('has a field too many for a writer')
  return { wid: need(r, wid, 'writer id'), seed: need(r, seed, 'seed of the writer') }
}

function sized(bytes: Uint8Array, size: number): Uint8Array {
  assert(bytes.length === size, `a field of a capability bundle has ${size} bytes`)
  return bytes
}
