// docs/format.md, 3.8: what every client has to know of a repository, in the clear and signed by the root key.
//
//   header (8) | {0: repoId, 1: created, 2: suite, 3: root public key, 4: {0: min, 1: average, 2: max}, 5: pack size,
//                 6: incompat, 7: ro_compat, 8: compat, 9: parity, 10: [keys of a domain …]} | signature (64)
import { assert } from '../base/assert.ts'
import { compareBytes } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import type { Suite } from '../crypto/seal.ts'
import { SIGNING_PUBLIC_KEY_SIZE } from '../crypto/signing.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { readAnnouncedKeys, writeAnnouncedKeys } from './announced-keys.ts'
import type { AnnouncedKeys } from './announced-keys.ts'
import { BLOCK_PLAIN_MAX } from './block-table.ts'
import { DOMAINS_MAX } from './bundle.ts'
import { PACK_SIZE_MAX } from './directory.ts'
import { ascend, need, readFilledList, readTuple, withUnknown, writeList } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { checkSignedObject, signedContent, signObject } from './signed-object.ts'

export interface ChunkerSizes {
  readonly min: number
  readonly average: number
  readonly max: number
}

export interface RepoDescription {
  readonly repoId: Uint8Array
  readonly created: Timespec
  readonly suite: Suite
  /** Of the key that signed this. The one in the bundle decides: compare them. */
  readonly rootPublic: Uint8Array
  /** Bytes. */
  readonly chunker: ChunkerSizes
  /** Bytes of a data pack. */
  readonly packSize: number
  /** Bit sets of features: a client that does not know one must refuse the repository, … */
  readonly incompat: number
  /** … must not write, … */
  readonly roCompat: number
  /** … need not care. */
  readonly compat: number
  /** How much parity writers make where a store can be repaired; none when absent. */
  readonly parity?: ParityShares
  /** Of the domains that were given new ones, ascending by their id. */
  readonly announced?: readonly AnnouncedKeys[]
  readonly unknown?: readonly RawField[]
}

/** Shares of the size of packs of either kind, 0 to 1 in steps of 0.001; everything else that has parity has all of it. */
export interface ParityShares {
  readonly data: number
  readonly meta: number
}

/** Bytes of the object: the newest keys of 256 domains are 640 KiB. */
export const DESCRIPTION_SIZE_MAX = 1024 * 1024
/** Smallest size of data packs. */
export const PACK_SIZE_MIN = 64 * 1024
/** Smallest chunk: the chunker decides by the 64 bytes before a cut. */
const CHUNK_MIN = 64
const FLAGS_MAX = 0xffff_ffff
/** Features that this version knows: none yet. */
export const KNOWN_INCOMPAT = 0
export const KNOWN_RO_COMPAT = 0

/** The bytes of `format/<n>`; `signer` is the root key. */
export function encodeRepoDescription(d: Omit<RepoDescription, 'rootPublic'>, signer: SigningKey): Uint8Array {
  const flaw = descriptionFlaw(d)
  assert(flaw === undefined && d.repoId.length === ID_SIZE, `a description to be written ${flaw}`)
  const w = new CborWriter().openMap()
  w.key(0).bytes(d.repoId)
  w.key(1).timespec(d.created)
  w.key(2).uint(d.suite)
  w.key(3).bytes(signer.publicKey)
  w.key(4).openMap().key(0).uint(d.chunker.min).key(1).uint(d.chunker.average).key(2).uint(d.chunker.max).closeMap()
  w.key(5).uint(d.packSize)
  w.key(6).uint(d.incompat)
  w.key(7).uint(d.roCompat)
  w.key(8).uint(d.compat)
  if (d.parity !== undefined) w.key(9).array(2).uint(inSteps(d.parity.data)).uint(inSteps(d.parity.meta))
  if (d.announced !== undefined && d.announced.length > 0) {
    const sorted = d.announced.toSorted((a, b) => compareBytes(a.domainId, b.domainId))
    assert(ascend(sorted.map(({ domainId }) => domainId)), 'a domain has its newest keys once')
    writeList(w.key(10), sorted, (keys) => writeAnnouncedKeys(w, keys))
  }
  const content = w.rawFields(d.unknown).closeMap().finish()
  const bytes = signObject(OBJECT_TYPES.repoDescription, d.suite, [content], signer)
  if (bytes.length <= DESCRIPTION_SIZE_MAX) return bytes
  throw new BackupError('limit', `a description of ${bytes.length} bytes`, 'new repository description')
}

/**
 * Reads a description and checks its signature: with `rootPublic` of a bundle, that the holder of the root key wrote
 * it; without, that it is undamaged, no more. `corrupt` naming `subject`; `unsupported` is left to `checkFeatures`.
 */
export function decodeRepoDescription(
  bytes: Uint8Array,
  subject: string,
  { rootPublic }: { readonly rootPublic?: Uint8Array } = {},
): RepoDescription {
  if (bytes.length > DESCRIPTION_SIZE_MAX) {
    throw new BackupError('corrupt', `repository description has ${bytes.length} bytes`, subject)
  }
  // Nothing tells whose signature it has to be but the description itself, as long as no bundle is open.
  const key = rootPublic ?? parse(signedContent(OBJECT_TYPES.repoDescription, bytes, subject), subject).rootPublic
  const { suite, content } = checkSignedObject(OBJECT_TYPES.repoDescription, bytes, subject, key)
  const description = parse(content, subject)
  if (description.suite !== suite) throw new BackupError('corrupt', 'header and description differ in suite', subject)
  return description
}

/** Throws `unsupported` when the repository has a feature that this version must know for reading, or for writing. */
export function checkFeatures(
  { incompat, roCompat }: Pick<RepoDescription, 'incompat' | 'roCompat'>,
  use: 'read' | 'write',
  subject: string,
): void {
  const missing = missingFeatures(incompat, KNOWN_INCOMPAT)
  if (missing !== '') throw featureError(`repository needs features this version does not know (${missing})`, subject)
  const missingForWriting = missingFeatures(roCompat, KNOWN_RO_COMPAT)
  if (use === 'write' && missingForWriting !== '') {
    throw featureError(`writing needs features this version does not know (${missingForWriting})`, subject)
  }
}

const PARITY_STEPS = 1000

function inSteps(share: number): number {
  const steps = Math.round(share * PARITY_STEPS)
  assert(steps >= 0 && steps <= PARITY_STEPS, 'parity is a share')
  return steps
}

function readParity(r: CborReader): ParityShares {
  return readTuple(r, 2, () => ({
    data: r.uint(PARITY_STEPS) / PARITY_STEPS,
    meta: r.uint(PARITY_STEPS) / PARITY_STEPS,
  }))
}

function parse(content: Uint8Array, subject: string): RepoDescription {
  const r = new CborReader(content, subject)
  const d: { -readonly [K in keyof RepoDescription]?: RepoDescription[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) d.repoId = r.fixed(ID_SIZE)
    else if (key === 1) d.created = r.timespec()
    else if (key === 2) d.suite = r.uint(2) as Suite
    else if (key === 3) d.rootPublic = r.fixed(SIGNING_PUBLIC_KEY_SIZE)
    else if (key === 4) d.chunker = readChunker(r)
    else if (key === 5) d.packSize = r.uint()
    else if (key === 6) d.incompat = r.uint(FLAGS_MAX)
    else if (key === 7) d.roCompat = r.uint(FLAGS_MAX)
    else if (key === 8) d.compat = r.uint(FLAGS_MAX)
    else if (key === 9) d.parity = readParity(r)
    else if (key === 10) d.announced = readFilledList(r, DOMAINS_MAX, () => readAnnouncedKeys(r))
    else return false
    return true
  })
  r.end()
  const description = {
    repoId: need(r, d.repoId, 'repository id'),
    created: need(r, d.created, 'time of creation'),
    suite: need(r, d.suite, 'suite'),
    rootPublic: need(r, d.rootPublic, 'root key'),
    chunker: need(r, d.chunker, 'sizes of chunks'),
    packSize: need(r, d.packSize, 'size of packs'),
    incompat: need(r, d.incompat, 'set of incompat features'),
    roCompat: need(r, d.roCompat, 'set of ro_compat features'),
    compat: need(r, d.compat, 'set of compat features'),
    ...(d.parity !== undefined && { parity: d.parity }),
    ...(d.announced !== undefined && { announced: d.announced }),
    ...withUnknown(unknown),
  }
  const flaw = descriptionFlaw(description)
  if (flaw !== undefined) throw r.corrupt(flaw)
  if (d.announced !== undefined && !ascend(d.announced.map(({ domainId }) => domainId))) {
    throw r.corrupt('has keys of domains out of order')
  }
  return description
}

function readChunker(r: CborReader): ChunkerSizes {
  const sizes: number[] = []
  const unknown = r.fields((key) => {
    if (key > 2) return false
    sizes[key] = r.uint()
    return true
  })
  // Exact: who does not know a parameter would cut elsewhere.
  if (unknown !== undefined) throw r.corrupt('has a chunker parameter too many')
  const [min, average, max] = sizes
  return { min: need(r, min, 'least'), average: need(r, average, 'average'), max: need(r, max, 'greatest size') }
}

function descriptionFlaw({ chunker, packSize }: Pick<RepoDescription, 'chunker' | 'packSize'>): string | undefined {
  const { min, average, max } = chunker
  const isPowerOfTwo = Number.isInteger(Math.log2(average))
  if (min < CHUNK_MIN || min >= average || average >= max || max > BLOCK_PLAIN_MAX || !isPowerOfTwo) {
    return `has chunk sizes ${min}, ${average}, ${max}`
  }
  return packSize < PACK_SIZE_MIN || packSize > PACK_SIZE_MAX ? `has a pack size of ${packSize}` : undefined
}

function missingFeatures(flags: number, known: number): string {
  const missing: number[] = []
  for (let bit = 0; bit < 32; bit++) if (((flags & ~known) >>> bit) & 1) missing.push(bit)
  return missing.join(', ')
}

function featureError(what: string, subject: string): BackupError {
  return new BackupError('unsupported', what, subject, { hint: 'use a newer version of Holdfast for this repository' })
}
