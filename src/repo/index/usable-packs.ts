// On whose packs a session relies (docs/format.md, 9.4): never on those of revoked writers; with `own+attested` only on what
// its own writer put, and on packs that somebody read whole and attested. Nobody has to believe what a segment says of an
// attested pack: the attestation has what stands for its table.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { tablesDigest } from '../../format/tables-digest.ts'
import type { IndexedPack } from '../../format/index-segment.ts'
import { ID_SIZE, packName } from '../../format/names.ts'
import type { CoveredPacks } from './covered-packs.ts'
import type { CoveredSegment } from './index-coverage.ts'
import type { IndexablePack, PackRecord } from './pack-record.ts'
import type { PackTrust } from './pack-trust.ts'
import type { Revocations } from '../writers/revocations.ts'
import type { AttestedPacks } from '../history/trust-log.ts'

/** Packs by their names, with what stands for their tables. */
interface RememberedPacks {
  has(name: string, tables: string): boolean
  note(name: string, tables: string): void
}

/** Knows who signed the keys of a session, hex. */
interface SessionWriters {
  writerOf(sid: Uint8Array): string | undefined
}

export interface PackUser {
  readonly wid: Uint8Array
  readonly trust: PackTrust
  /** What its machine remembers of its packs. */
  readonly ownPacks?: RememberedPacks | undefined
}

interface TrustSource {
  readonly trust: { revoked(): Promise<Revocations>; attested(): Promise<AttestedPacks> }
}

export interface SegmentOrigin {
  /** Who signed it, hex. */
  readonly wid: string
  readonly sessions: readonly Uint8Array[]
}

export class UsablePacks {
  readonly #revoked: Revocations
  readonly #attested: AttestedPacks
  readonly #trust: PackTrust
  /** Hex. */
  readonly #own: string
  readonly #remembered: RememberedPacks | undefined
  /** Packs whose table in the index is the attested one. */
  readonly #vouched = new Set<string>()

  private constructor(revoked: Revocations, attested: AttestedPacks, { wid, trust, ownPacks }: PackUser) {
    this.#revoked = revoked
    this.#attested = attested
    this.#trust = trust
    this.#own = toHex(wid)
    this.#remembered = trust === 'own+attested' ? ownPacks : undefined
  }

  /** For a session of a writer. Attestations are read only where something depends on them. */
  static async of({ trust: log }: TrustSource, user: PackUser): Promise<UsablePacks> {
    const revoked = await log.revoked()
    const attested = user.trust === 'all' && revoked.size === 0 ? new Map() : await log.attested()
    return new UsablePacks(revoked, attested, user)
  }

  /** Whether a pack may be taken from a segment. One that is taken is in the index as that segment says. */
  takes(segment: SegmentOrigin, pack: IndexedPack): boolean {
    const { wid, sessions } = segment
    const name = () => packName(pack.kind, pack.hash)
    return this.#takes(wid, isOfOthers(segment), name, () => toHex(tablesDigest(pack.blocks, sessions)))
  }

  /** The same for what is in a local index file. */
  takesFiled({ wid, ofOthers }: CoveredSegment, number: number, packs: CoveredPacks): boolean {
    return this.#takes(
      wid,
      ofOthers,
      () => packs.name(number),
      () => packs.tables(number),
    )
  }

  #takes(wid: string, ofOthers: boolean, name: () => string, tables: () => string): boolean {
    if (wid === this.#own && !ofOthers) {
      if (this.#remembered !== undefined) this.#remembered.note(name(), tables())
      return true
    }
    if (this.#remembered?.has(name(), tables()) === true) return true
    // Who says something else of an attested pack than is attested lies.
    if (this.#attested.size > 0 && this.#attested.has(name())) return this.#isAttested(name(), tables)
    return this.#trust === 'all' && !this.#revoked.has(wid)
  }

  /** Whether a pack that no segment names may be indexed again, whose directory is at hand. */
  takesUnindexed(pack: IndexablePack & { readonly sessions: readonly Uint8Array[] }, closed: SessionWriters): boolean {
    const tables = () => toHex(tablesDigest(pack.blocks, pack.sessions))
    if (this.#isAttested(packName(pack.kind, pack.hash), tables)) return true
    return this.#trust === 'all' && !this.#isOfRevoked(pack.sessions, closed)
  }

  /**
   * Those of the packs in the index that are not relied on because of who signed the keys of their sessions, which `closed`
   * has looked at: whoever replaces segments of others names their packs in his own.
   */
  ofOthers(packs: readonly PackRecord[], closed: SessionWriters): PackRecord[] {
    const { ownOnly } = this
    if (!ownOnly && this.#revoked.size === 0) return []
    return packs.filter(({ objectName, sessions }) => {
      if (this.#vouched.has(objectName)) return false
      return ownOnly ? !this.#isOwn(sessions, closed) : this.#isOfRevoked(sessions, closed)
    })
  }

  /** Remembers a pack that this writer has put. */
  noteOwn(pack: IndexablePack, sessions: readonly Uint8Array[]): void {
    this.#remembered?.note(packName(pack.kind, pack.hash), digestOf(pack, sessions))
  }

  get ownOnly(): boolean {
    return this.#trust === 'own+attested'
  }

  #isOwn(sessions: readonly Uint8Array[], closed: SessionWriters): boolean {
    return sessions.every((sid) => closed.writerOf(sid) === this.#own)
  }

  #isOfRevoked(sessions: readonly Uint8Array[], closed: SessionWriters): boolean {
    return sessions.some((sid) => this.#revoked.has(closed.writerOf(sid) ?? ''))
  }

  #isAttested(name: string, tables: () => string): boolean {
    if (this.#attested.get(name)?.has(tables()) !== true) return false
    this.#vouched.add(name)
    return true
  }
}

/**
 * Stands among the sessions of a segment which names packs that its writer has not put itself (docs/format.md, 9.4): who
 * relies on own packs alone does not rely on those.
 */
export const OF_OTHERS = new Uint8Array(ID_SIZE)

/** Whether a segment names packs of others. */
export function isOfOthers({ sessions }: SegmentOrigin): boolean {
  return sessions.some((sid) => equalBytes(sid, OF_OTHERS))
}

function digestOf({ blocks }: IndexablePack, sessions: readonly Uint8Array[]): string {
  return toHex(tablesDigest(blocks, sessions))
}
