// docs/format.md, 9.3: what somebody keeps outside of the store, so that it can be held against it later: who the repository
// is, and the newest object of every chain, or a Merkle root over them where they are many.
//
//   CBOR map | first 4 bytes of the hash of the map
import { assert } from '../base/assert.ts'
import { compareBytes, equalBytes } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { hash, HASH_SIZE } from '../crypto/hash.ts'
import { need, readList, readTuple, writeList } from './fields.ts'
import { writeU64 } from './integers.ts'
import type { ChainName, ChainPlace } from './log-body.ts'
import { ID_SIZE, NAME_NUMBER_MAX, SEQ_MAX } from './names.ts'

/** The newest object of a chain. */
export interface ChainHead extends ChainPlace {
  readonly chain: ChainName
}

/** Heads of many chains in one hash. */
export interface HeadsDigest {
  /** How many chains there are. */
  readonly chains: number
  /** All their numbers added: at which moment of the history they were. */
  readonly places: number
  readonly root: Uint8Array
}

export interface Checkpoint {
  readonly repoId: Uint8Array
  /** Of the root key: the first 16 bytes of the hash of its public half. */
  readonly fingerprint: Uint8Array
  /** Seconds since 1970. */
  readonly time: number
  /** Number of the description in use. */
  readonly description: number
  /** How many snapshots and records there were. */
  readonly snapshots: number
  readonly records: number
  /** In the order of `sortHeads`. */
  readonly heads: readonly ChainHead[] | HeadsDigest
}

const VERSION = 1
const FINGERPRINT_SIZE = 16
const CHECKSUM_SIZE = 4
/** Chains of both kinds that are written out: those of 65,536 writers. */
export const CHECKPOINT_HEADS_MAX = 131_072
/** Bytes: 60 for each head. */
export const CHECKPOINT_SIZE_MAX = 8 * 1024 * 1024

export function fingerprintOf(rootPublic: Uint8Array): Uint8Array {
  return hash(rootPublic).slice(0, FINGERPRINT_SIZE)
}

/** Snapshots before records, then by writer. */
export function sortHeads(heads: readonly ChainHead[]): ChainHead[] {
  return heads.toSorted((a, b) => chainNumber(a) - chainNumber(b) || compareBytes(a.wid, b.wid))
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { heads } = checkpoint
  const w = new CborWriter(1024).openMap()
  w.key(0).uint(VERSION)
  w.key(1).bytes(checkpoint.repoId)
  w.key(2).bytes(checkpoint.fingerprint)
  w.key(3).uint(checkpoint.time)
  w.key(4).uint(checkpoint.description)
  w.key(5).uint(checkpoint.snapshots)
  w.key(6).uint(checkpoint.records)
  if ('root' in heads) w.key(8).array(3).uint(heads.chains).uint(heads.places).bytes(heads.root)
  else {
    assert(heads.length <= CHECKPOINT_HEADS_MAX, 'a checkpoint of more chains has a digest')
    writeList(w.key(7), sortHeads(heads), (head) =>
      w.array(4).uint(chainNumber(head)).bytes(head.wid).uint(head.seq).bytes(head.hash),
    )
  }
  const map = w.closeMap().finish()
  return Buffer.concat([map, hash(map).subarray(0, CHECKSUM_SIZE)])
}

/** Throws `corrupt` naming `subject`, `unsupported` for one of a later version. */
export function decodeCheckpoint(bytes: Uint8Array, subject: string): Checkpoint {
  const map = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_SIZE))
  if (
    bytes.length > CHECKPOINT_SIZE_MAX ||
    !equalBytes(hash(map).subarray(0, CHECKSUM_SIZE), bytes.subarray(map.length))
  ) {
    throw new BackupError('corrupt', 'this is no checkpoint, or not the whole of one: its checksum is wrong', subject)
  }
  const r = new CborReader(map, subject)
  const c: { -readonly [K in keyof Checkpoint]?: Checkpoint[K] } = {}
  let version: number | undefined
  r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) c.repoId = r.fixed(ID_SIZE)
    else if (key === 2) c.fingerprint = r.fixed(FINGERPRINT_SIZE)
    else if (key === 3) c.time = r.uint()
    else if (key === 4) c.description = r.uint(NAME_NUMBER_MAX)
    else if (key === 5) c.snapshots = r.uint()
    else if (key === 6) c.records = r.uint()
    else if (key === 7) c.heads = readList(r, CHECKPOINT_HEADS_MAX, () => readHead(r))
    else if (key === 8 && c.heads === undefined) c.heads = readDigest(r)
    else return false
    return true
  })
  r.end()
  if (version !== VERSION) throw new BackupError('unsupported', `checkpoint has version ${version}`, subject)
  return {
    repoId: need(r, c.repoId, 'repository id'),
    fingerprint: need(r, c.fingerprint, 'fingerprint'),
    time: need(r, c.time, 'time'),
    description: need(r, c.description, 'number of the description'),
    snapshots: need(r, c.snapshots, 'count of snapshots'),
    records: need(r, c.records, 'count of records'),
    heads: need(r, c.heads, 'heads'),
  }
}

/** What a checkpoint of many chains has instead of them. */
export function digestOf(heads: readonly ChainHead[]): HeadsDigest {
  const leaves = sortHeads(heads).map(leafOf)
  const places = heads.reduce((sum, { seq }) => sum + seq, 0)
  return { chains: heads.length, places, root: merkleRoot(leaves) }
}

/** RFC 9162, 2.1.1, with our hash: leaves and nodes are hashed with a byte before them that tells them apart. */
function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash(new Uint8Array(0))
  if (leaves.length === 1) return leaves[0]!
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1)
  return hash(Buffer.concat([NODE, merkleRoot(leaves.slice(0, half)), merkleRoot(leaves.slice(half))]))
}

const NODE = Uint8Array.of(1)
const SEQ_SIZE = 8

function leafOf(head: ChainHead): Uint8Array {
  const seq = new Uint8Array(SEQ_SIZE)
  writeU64(seq, 0, head.seq)
  return hash(Buffer.concat([Uint8Array.of(0, chainNumber(head)), head.wid, seq, head.hash]))
}

function chainNumber({ chain }: Pick<ChainHead, 'chain'>): number {
  return chain === 'snapshot' ? 0 : 1
}

function readHead(r: CborReader): ChainHead {
  return readTuple(r, 4, () => {
    const chain = r.uint(1) === 0 ? 'snapshot' : 'record'
    return { chain, wid: r.fixed(ID_SIZE), seq: r.uint(SEQ_MAX), hash: r.fixed(HASH_SIZE) }
  })
}

function readDigest(r: CborReader): HeadsDigest {
  return readTuple(r, 3, () => ({ chains: r.uint(), places: r.uint(), root: r.fixed(HASH_SIZE) }))
}
