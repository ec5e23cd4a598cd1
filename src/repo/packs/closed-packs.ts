// Packs that nobody can open, because the keys of a session that sealed them are gone, damaged or about to go: what they hold is lost
// and may not be relied upon (docs/format.md, 10, rule W8). The signature of the key object tells that it is whole, so this
// needs no private key, and a tenth of a millisecond for each session; opening the secrets would take five times as long.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Domain } from '../../format/bundle.ts'
import { sessionKeysName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import { decodeSessionKeys, hasSessionSecret, isForOneRecipient, readSessionKeys } from '../../format/session-keys.ts'
import type { Store } from '../../store/store.ts'
import type { DomainKeys } from '../keys/domain-keys.ts'
import type { Condemned } from './condemned.ts'
import { checkMember } from '../keys/membership.ts'
import type { SessionKeyRing } from '../keys/session-key-ring.ts'
import type { PackRecord } from '../index/loaded-index.ts'
import type { WriterDirectory } from '../writers/writer-directory.ts'

/** Key objects read at once. */
const READS_AT_ONCE = 16
/** How often one is read that seems damaged. */
const ATTEMPTS = 3

export interface KeyObjectSource {
  readonly store: Store
  readonly writers: WriterDirectory
  readonly domain: Domain
  readonly domainKeys: DomainKeys
  /** Takes note of the key objects that are read. */
  readonly sessionKeys?: Pick<SessionKeyRing, 'note'>
}

export class ClosedPacks {
  readonly #source: KeyObjectSource
  /** What can be opened of each session that was looked at, by its id in hex. */
  readonly #opens = new Map<string, readonly PackKind[]>()
  /** What is open to nobody but holders of the newest keys, likewise. */
  readonly #newest = new Map<string, readonly PackKind[]>()
  readonly #writers = new Map<string, string>()
  /** Sessions whose keys are about to be deleted. */
  condemned: Pick<Condemned, 'hasSession'> | undefined

  constructor(source: KeyObjectSource) {
    this.#source = source
  }

  /** Those of `packs` that cannot be opened. Each key object is read once; throws what says nothing of one. */
  async among<T extends Pick<PackRecord, 'kind' | 'sessions'>>(packs: readonly T[]): Promise<Set<T>> {
    // Of many packs there are few sessions, and the packs of one mostly share its id.
    const hexes = new Map<Uint8Array, string>()
    for (const { sessions } of packs) for (const sid of sessions) if (!hexes.has(sid)) hexes.set(sid, toHex(sid))
    const opens = await this.openable(hexes.values())
    return new Set(packs.filter(({ kind, sessions }) => sessions.some((sid) => !opens(hexes.get(sid)!, kind))))
  }

  /** Tells of these sessions, given by their ids in hex, whether packs of a kind that they sealed can be opened. */
  async openable(sessions: Iterable<string>): Promise<(sid: string, kind: PackKind) => boolean> {
    const sids = [...new Set(sessions)].filter((sid) => !this.#opens.has(sid))
    for (let at = 0; at < sids.length; at += READS_AT_ONCE) {
      const some = sids.slice(at, at + READS_AT_ONCE)
      const opens = await Promise.all(some.map((sid) => this.#look(sid)))
      for (const [i, sid] of some.entries()) this.#opens.set(sid, opens[i]!)
    }
    return (sid, kind) => this.#opens.get(sid)!.includes(kind) && this.condemned?.hasSession(sid) !== true
  }

  /** Whether a plan condemns the keys of a session that sealed it. */
  losesKeys({ sessions }: Pick<PackRecord, 'sessions'>): boolean {
    return sessions.some((sid) => this.condemned?.hasSession(toHex(sid)) === true)
  }

  /** Forgets what was found of sessions whose key objects are not there any more. */
  retain(sids: ReadonlySet<string>): void {
    for (const sid of this.#opens.keys()) if (!sids.has(sid)) this.#opens.delete(sid)
  }

  /** Whether somebody who has older keys of the domain alone may open what a session that was looked at has sealed. */
  isUnderOlderKeys(sid: string, kind: PackKind): boolean {
    return this.#opens.has(sid) && this.#newest.get(sid)?.includes(kind) !== true
  }

  /** Who signed the keys of a session that was looked at, hex; undefined where nobody did whose signature is right. */
  writerOf(sid: Uint8Array): string | undefined {
    return this.#writers.get(toHex(sid))
  }

  /** A bit that is wrong on the way is wrong once, and must not make anything look lost. */
  async #look(hex: string): Promise<readonly PackKind[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#read(hex)
      } catch (error) {
        if (!(error instanceof BackupError) || !UNUSABLE.has(error.code)) throw error
        if (attempt === ATTEMPTS || error.code === 'not-found') return []
      }
    }
  }

  async #read(hex: string): Promise<readonly PackKind[]> {
    const { store, writers, domain, domainKeys, sessionKeys } = this.#source
    const sid = fromHex(hex)!
    const name = sessionKeysName(sid)
    const bytes = await store.get(name)
    const writer = await writers.writer(readSessionKeys(bytes, name).wid, 'store', name)
    const keys = decodeSessionKeys(bytes, name, writer)
    this.#writers.set(hex, toHex(writer.wid))
    if (!equalBytes(keys.sid, sid) || !equalBytes(keys.domainId, domain.id)) return []
    checkMember(writer, domain.id, name)
    sessionKeys?.note(keys)
    const newest = KINDS.filter((kind) => isForOneRecipient(keys, kind, domainKeys.recipients[kind][0]!))
    this.#newest.set(hex, newest)
    return KINDS.filter((kind) => hasSessionSecret(keys, kind, domainKeys.recipients[kind]))
  }
}

const KINDS: readonly PackKind[] = ['data', 'meta']
const UNUSABLE: ReadonlySet<BackupError['code']> = new Set(['not-found', 'corrupt', 'limit', 'unsupported'])
