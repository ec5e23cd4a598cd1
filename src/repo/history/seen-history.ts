// What a client remembers of a repository between two looks: the newest object of every chain, and the description in use.
// A store can go back to an earlier state, but not behind this. It lies in the local state, sealed; losing it costs the
// memory alone.
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import { deriveKey } from '../../crypto/hash.ts'
import { need, readFilledList, readList, readTuple, writeList } from '../../format/fields.ts'
import { ID_SIZE, NAME_NUMBER_MAX, OBJECT_NAME_MAX, SEQ_MAX } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../local-state.ts'
import type { LocalScope } from '../local-state.ts'

/** The newest object of a chain. */
export interface SeenHead {
  readonly seq: number
  /** Hash of the object, hex. */
  readonly id: string
}

/** By the id of the writer, hex. */
export type SeenHeads = ReadonlyMap<string, SeenHead>

export function isSameHead(a: SeenHead | undefined, b: SeenHead): boolean {
  return a !== undefined && a.seq === b.seq && a.id === b.id
}

export interface SeenHistory {
  /** When everything in it was seen, in milliseconds since 1970 by this machine's clock. */
  readonly lookedMs: number
  /** Number of the description in use. */
  readonly description: number
  readonly snapshots: SeenHeads
  readonly records: SeenHeads
  /** Names of objects whose loss, or whose rivals, were accepted on this machine. */
  readonly accepted: ReadonlySet<string>
}

const VERSION = 1
/** Chains of either kind that are remembered: those of 65,536 writers are 3.5 MB. */
export const SEEN_CHAINS_MAX = 65_536
/** Objects accepted as lost that are remembered, the latest; nobody has so many. */
const ACCEPTED_MAX = 4096
/** Bytes of the file. */
const SEEN_SIZE_MAX = 16 * 1024 * 1024
const CONTEXT = utf8('seen history')

/** Undefined when nothing is remembered, or what is kept cannot be read by this credential any more. */
export async function readSeen(repo: LocalScope, state: LocalState): Promise<SeenHistory | undefined> {
  const name = seenName(repo)
  const kept = await state.read(name)
  if (kept === null || kept.length > SEEN_SIZE_MAX) return undefined
  try {
    return decodeSeen(repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name), name)
  } catch (error) {
    if (error instanceof BackupError && (error.code === 'corrupt' || error.code === 'unsupported')) return undefined
    throw error
  }
}

/**
 * Replaces what is remembered by what `change` makes of it. Two processes of one machine do that one after the other, each
 * with what the other left.
 */
export function updateSeen(
  repo: LocalScope,
  state: LocalState,
  change: (kept: SeenHistory | undefined) => SeenHistory,
): Promise<void> {
  const name = seenName(repo)
  return state.exclusive(name, async () => {
    const seen = change(await readSeen(repo, state))
    const sealer = repo.keySealerOf(repo.bundle.localKey)
    await state.write(name, sealer.seal(SEALED_TYPES.localState, CONTEXT, encodeSeen(seen)))
  })
}

/** Each key of local states has a memory of its own: two credentials of one machine may open different bundles. */
function seenName({ id, bundle }: LocalScope): string {
  const label = toHex(deriveKey('holdfast 1 seen history', bundle.localKey).subarray(0, 4))
  return `${toHex(id)}.seen-${label}`
}

function encodeSeen({ lookedMs, description, snapshots, records, accepted }: SeenHistory): Uint8Array {
  const w = new CborWriter(1024).openMap()
  w.key(0).uint(VERSION)
  w.key(1).uint(Math.max(0, Math.floor(lookedMs)))
  w.key(2).uint(description)
  for (const [key, heads] of [
    [3, snapshots],
    [4, records],
  ] as const) {
    writeList(w.key(key), [...heads].slice(0, SEEN_CHAINS_MAX), ([wid, { seq, id }]) =>
      w.array(3).bytes(fromHex(wid)!).uint(seq).bytes(fromHex(id)!),
    )
  }
  if (accepted.size > 0) writeList(w.key(5), [...accepted].slice(-ACCEPTED_MAX), (name) => w.text(name))
  return w.closeMap().finish()
}

function decodeSeen(bytes: Uint8Array, subject: string): SeenHistory {
  const r = new CborReader(bytes, subject)
  const seen: { -readonly [K in keyof SeenHistory]?: SeenHistory[K] } = {}
  let version: number | undefined
  r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) seen.lookedMs = r.uint()
    else if (key === 2) seen.description = r.uint(NAME_NUMBER_MAX)
    else if (key === 3) seen.snapshots = readHeads(r)
    else if (key === 4) seen.records = readHeads(r)
    else if (key === 5) seen.accepted = new Set(readFilledList(r, ACCEPTED_MAX, () => r.text(OBJECT_NAME_MAX)))
    else return false
    return true
  })
  r.end()
  if (version !== VERSION) throw new BackupError('unsupported', `what was seen has version ${version}`, subject)
  return {
    lookedMs: need(r, seen.lookedMs, 'time'),
    description: need(r, seen.description, 'description'),
    snapshots: need(r, seen.snapshots, 'heads of snapshots'),
    records: need(r, seen.records, 'heads of records'),
    accepted: seen.accepted ?? new Set(),
  }
}

function readHeads(r: CborReader): Map<string, SeenHead> {
  const pairs = readList(r, SEEN_CHAINS_MAX, () =>
    readTuple(r, 3, () => {
      const wid = toHex(r.fixed(ID_SIZE))
      const seq = r.uint(SEQ_MAX)
      return [wid, { seq, id: toHex(r.fixed(32)) }] as const
    }),
  )
  return new Map(pairs)
}
