// When this machine last read each pack to the last byte and found it good, so that checks of a share of the packs come to
// read all of them. It lies in the local state, sealed; who lost it, or never had it, begins anew.
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import { deriveKey, HASH_SIZE } from '../../crypto/hash.ts'
import { need, readFilledList, writeList } from '../../format/fields.ts'
import { parseObjectName } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../local-state.ts'
import type { LocalScope } from '../local-state.ts'

const VERSION = 1
/** Packs remembered: those of 32 TB at full size. */
const PACKS_MAX = 1_000_000
/** Damaged packs remembered. */
const BAD_MAX = 10_000
/** A hash and the minutes since 1970, 32 bits. */
const RECORD_SIZE = HASH_SIZE + 4
const FILE_SIZE_MAX = PACKS_MAX * RECORD_SIZE + BAD_MAX * (HASH_SIZE + 2) + 4096
const MINUTE_MS = 60_000
const CONTEXT = utf8('read times')

export class ReadTimes {
  /** Milliseconds since 1970 by the hash in the name of the pack, hex. */
  readonly #times = new Map<string, number>()
  readonly #bad = new Set<string>()
  readonly #place: { readonly repo: LocalScope; readonly state: LocalState } | undefined
  /** When the last check that read packs began; undefined before the first. */
  lastBegunMs: number | undefined
  /** When the first one did. */
  firstBegunMs: number | undefined
  /** When a check of everything began that has not ended. */
  unfinishedMs: number | undefined

  private constructor(place: { readonly repo: LocalScope; readonly state: LocalState } | undefined) {
    this.#place = place
  }

  /** What is remembered on this machine for this credential: nothing where it cannot be read. */
  static async load(repo: LocalScope, state: LocalState): Promise<ReadTimes> {
    const times = new ReadTimes({ repo, state })
    const name = stateName(repo)
    const kept = await state.read(name)
    if (kept === null || kept.length > FILE_SIZE_MAX) return times
    try {
      times.#decode(repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name), name)
    } catch (error) {
      if (!(error instanceof BackupError) || (error.code !== 'corrupt' && error.code !== 'unsupported')) throw error
      times.#times.clear()
      times.#bad.clear()
      times.lastBegunMs = times.firstBegunMs = times.unfinishedMs = undefined
    }
    return times
  }

  /** Times that end with the process. */
  static forgetful(): ReadTimes {
    return new ReadTimes(undefined)
  }

  /** Hashes, hex, of the packs that were found damaged and have not been found good since. */
  get damaged(): ReadonlySet<string> {
    return this.#bad
  }

  /** Undefined for a pack that was never read. */
  of(packName: string): number | undefined {
    return this.#times.get(hashOf(packName))
  }

  good(packName: string, nowMs: number): void {
    this.#times.set(hashOf(packName), nowMs)
    this.#bad.delete(hashOf(packName))
  }

  /** A pack that is not as it should be counts as never read, and so is among the first of the next check. */
  bad(packName: string): void {
    this.#times.delete(hashOf(packName))
    this.#bad.add(hashOf(packName))
  }

  /** Forgets packs that are not there any more. */
  keepOnly(packNames: Iterable<string>): void {
    const there = new Set(Array.from(packNames, hashOf))
    for (const hash of this.#times.keys()) if (!there.has(hash)) this.#times.delete(hash)
    for (const hash of this.#bad) if (!there.has(hash)) this.#bad.delete(hash)
  }

  async save(): Promise<void> {
    if (this.#place === undefined) return
    const { repo, state } = this.#place
    const sealed = repo.keySealerOf(repo.bundle.localKey).seal(SEALED_TYPES.localState, CONTEXT, this.#encode())
    await state.write(stateName(repo), sealed)
  }

  #encode(): Uint8Array {
    const records = [...this.#times].slice(-PACKS_MAX)
    const table = new Uint8Array(records.length * RECORD_SIZE)
    const view = new DataView(table.buffer)
    for (const [i, [hash, ms]] of records.entries()) {
      table.set(fromHex(hash)!, i * RECORD_SIZE)
      view.setUint32(i * RECORD_SIZE + HASH_SIZE, minutes(ms), true)
    }
    const w = new CborWriter(table.length + 64).openMap()
    w.key(0).uint(VERSION)
    w.key(1).bytes(table)
    if (this.lastBegunMs !== undefined) w.key(2).uint(minutes(this.lastBegunMs))
    if (this.unfinishedMs !== undefined) w.key(3).uint(minutes(this.unfinishedMs))
    if (this.firstBegunMs !== undefined) w.key(4).uint(minutes(this.firstBegunMs))
    if (this.#bad.size > 0) writeList(w.key(5), [...this.#bad].slice(-BAD_MAX), (hash) => w.bytes(fromHex(hash)!))
    return w.closeMap().finish()
  }

  #decode(bytes: Uint8Array, subject: string): void {
    const r = new CborReader(bytes, subject)
    let version: number | undefined
    let table: Uint8Array | undefined
    r.fields((key) => {
      if (key === 0) version = r.uint()
      else if (key === 1) table = r.bytes(PACKS_MAX * RECORD_SIZE)
      else if (key === 2) this.lastBegunMs = r.uint() * MINUTE_MS
      else if (key === 3) this.unfinishedMs = r.uint() * MINUTE_MS
      else if (key === 4) this.firstBegunMs = r.uint() * MINUTE_MS
      else if (key === 5)
        for (const hash of readFilledList(r, BAD_MAX, () => r.fixed(HASH_SIZE))) this.#bad.add(toHex(hash))
      else return false
      return true
    })
    r.end()
    if (version !== VERSION) throw new BackupError('unsupported', `what was read has version ${version}`, subject)
    const records = need(r, table, 'table of packs')
    const view = new DataView(records.buffer, records.byteOffset, records.length)
    for (let at = 0; at + RECORD_SIZE <= records.length; at += RECORD_SIZE) {
      const hash = toHex(records.subarray(at, at + HASH_SIZE))
      this.#times.set(hash, view.getUint32(at + HASH_SIZE, true) * MINUTE_MS)
    }
  }
}

function minutes(ms: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.floor(ms / MINUTE_MS)))
}

function hashOf(packName: string): string {
  const parsed = parseObjectName(packName)
  return parsed?.kind === 'pack' ? parsed.hash : packName
}

/** Each key of local states has a memory of its own: two credentials of one machine may open different bundles. */
function stateName({ id, bundle }: LocalScope): string {
  const label = toHex(deriveKey('holdfast 1 read times', bundle.localKey).subarray(0, 4))
  return `${toHex(id)}.read-${label}`
}
