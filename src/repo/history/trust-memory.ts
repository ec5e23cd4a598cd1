// What a client remembers of the log that decides whom and what it trusts: how far it has read each chain, the revocations in
// them, and which records attest packs or say what is lost. With it a start reads no record twice; and what was revoked once stays revoked, whatever
// the store shows later. It lies in the local state, sealed; losing it costs reading the log once more.
import { toHex, utf8 } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import { deriveKey } from '../../crypto/hash.ts'
import type { Role } from '../../format/bundle.ts'
import { need, readList, readTuple, writeList } from '../../format/fields.ts'
import { decodeLogBody, encodeLogBody } from '../../format/log-record.ts'
import { OBJECT_NAME_MAX, SEQ_MAX } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../local-state.ts'
import type { LocalScope } from '../local-state.ts'
import type { RevokingRecord } from '../writers/revocations.ts'

/** How much of a writer's chain of records was read. */
export interface ReadChain {
  readonly role: Role
  /** Of the last record that was read with all before it; 0 and an empty id when none was. */
  readonly seq: number
  readonly id: string
  /** Names of the records among them that attest packs. */
  readonly attesting: readonly string[]
  /** Names of the records among them that say what repairs could not make good. */
  readonly repairing: readonly string[]
}

export interface TrustMemory {
  /** By the id of the writer, hex. */
  readonly chains: ReadonlyMap<string, ReadChain>
  /** By the name of the object. */
  readonly revoking: ReadonlyMap<string, RevokingRecord>
}

export const NOTHING_READ: TrustMemory = { chains: new Map(), revoking: new Map() }

const VERSION = 2
/** Bytes of the file; a larger memory is not kept. */
const SIZE_MAX = 16 * 1024 * 1024
const CHAINS_MAX = 65_536
const RECORDS_MAX = 200_000
const BODY_MAX = 16 * 1024 * 1024
const CONTEXT = utf8('trust')
const ROLES: readonly Role[] = ['admin', 'read', 'maintain', 'write', 'report']

/** What is kept, or nothing where it cannot be read by this credential any more. */
export async function readTrustMemory(repo: LocalScope, state: LocalState): Promise<TrustMemory> {
  const name = memoryName(repo)
  const kept = await state.read(name)
  if (kept === null || kept.length > SIZE_MAX) return NOTHING_READ
  try {
    return decode(repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name), name)
  } catch (error) {
    if (error instanceof BackupError && LOST.has(error.code)) return NOTHING_READ
    throw error
  }
}

const LOST: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'unsupported', 'limit'])

/** Adds to what is kept; another process may have read further meanwhile. */
export function writeTrustMemory(repo: LocalScope, state: LocalState, found: TrustMemory): Promise<void> {
  const name = memoryName(repo)
  return state.exclusive(name, async () => {
    const kept = await readTrustMemory(repo, state)
    const chains = new Map(kept.chains)
    for (const [wid, chain] of found.chains) if (chain.seq >= (chains.get(wid)?.seq ?? 0)) chains.set(wid, chain)
    const sealer = repo.keySealerOf(repo.bundle.localKey)
    const bytes = encode({ chains, revoking: new Map([...kept.revoking, ...found.revoking]) })
    if (bytes.length <= SIZE_MAX) await state.write(name, sealer.seal(SEALED_TYPES.localState, CONTEXT, bytes))
  })
}

/** Each key of local states has a memory of its own: another bundle may have other domains, and read other records. */
function memoryName({ id, bundle }: LocalScope): string {
  const label = toHex(deriveKey('holdfast 1 trust memory', bundle.localKey).subarray(0, 4))
  return `${toHex(id)}.trust-${label}`
}

function encode({ chains, revoking }: TrustMemory): Uint8Array {
  const w = new CborWriter(4096).openMap()
  w.key(0).uint(VERSION)
  writeList(w.key(1), [...chains].slice(0, CHAINS_MAX), ([wid, { role, seq, id, attesting, repairing }]) => {
    w.array(6).text(wid).uint(ROLES.indexOf(role)).uint(seq).text(id)
    writeList(w, attesting, (name) => w.text(name))
    writeList(w, repairing, (name) => w.text(name))
  })
  writeList(w.key(2), [...revoking.values()], ({ objectName, body }) =>
    w.array(2).text(objectName).bytes(encodeLogBody(body)),
  )
  return w.closeMap().finish()
}

function decode(bytes: Uint8Array, subject: string): TrustMemory {
  const r = new CborReader(bytes, subject)
  let version: number | undefined
  let chains: [string, ReadChain][] | undefined
  let revoking: RevokingRecord[] | undefined
  r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) chains = readList(r, CHAINS_MAX, () => readTuple(r, 6, () => readChain(r)))
    else if (key === 2) revoking = readList(r, RECORDS_MAX, () => readTuple(r, 2, () => readRevoking(r, subject)))
    else return false
    return true
  })
  r.end()
  if (version !== VERSION) throw new BackupError('unsupported', `what was read has version ${version}`, subject)
  return {
    chains: new Map(need(r, chains, 'chains')),
    revoking: new Map(need(r, revoking, 'revocations').map((each) => [each.objectName, each])),
  }
}

function readChain(r: CborReader): [string, ReadChain] {
  const wid = r.text(32)
  const role = ROLES[r.uint(ROLES.length - 1)]!
  const seq = r.uint(SEQ_MAX)
  const id = r.text(64)
  const names = () => readList(r, RECORDS_MAX, () => r.text(OBJECT_NAME_MAX))
  return [wid, { role, seq, id, attesting: names(), repairing: names() }]
}

function readRevoking(r: CborReader, subject: string): RevokingRecord {
  const objectName = r.text(OBJECT_NAME_MAX)
  return { objectName, body: decodeLogBody(r.bytes(BODY_MAX).slice(), subject) }
}
