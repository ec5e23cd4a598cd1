// The newest sound object of every chain, and what has become of those that were the newest before. Names alone prove
// nothing; each chain that has something new costs one read.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { ChainName } from '../../format/log-record.ts'
import { logName, snapshotName } from '../../format/names.ts'
import { verifySnapshot } from '../../format/snapshot.ts'
import { HEAD_TRIES, verifyRecord } from './log.ts'
import type { ListedRecord } from './log.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import type { ChainSource } from './history-source.ts'
import { isSameHead } from './seen-history.ts'
import type { SeenHead, SeenHeads } from './seen-history.ts'

/** What was there at the last look, and is not or has a rival now. */
export interface LostPlace {
  readonly chain: ChainName
  /** Of its writer, hex. */
  readonly wid: string
  readonly head: SeenHead
  readonly objectName: string
  /** Another object that has taken its place in the chain. */
  readonly rival?: string
}

/** New heads that are read in one look: in a repository of thousands of writers the first look stays short. */
const NEW_HEADS_MAX = 256
/** Chains looked at at once. */
const LOOKS = 8

interface ListedObject extends SeenHead {
  readonly objectName: string
  readonly wid: string
}

/** An object whose signature, certificate and name are right. */
interface VerifiedHead extends SeenHead {
  readonly objectName: string
  /** Hex; undefined for the first of a chain. */
  readonly previous: string | undefined
}

/** What differs between snapshots and records. */
interface Chains<T extends ListedObject> {
  readonly name: ChainName
  nameOf(wid: string, head: SeenHead): string
  /** Hash of the one before; throws when the object is not sound. */
  previousOf(listed: T): Promise<string | undefined>
}

export interface Suspect extends LostPlace {
  /** The store listed neither it nor anything newer of its writer. */
  readonly absent: boolean
}

interface ChainFindings {
  readonly heads: Map<string, SeenHead>
  readonly suspects: readonly Suspect[]
}

export class ChainLook<T extends ListedObject> {
  readonly #chains: Chains<T>
  readonly #seen: SeenHeads
  readonly #heads = new Map<string, SeenHead>()
  readonly #suspects: Suspect[] = []
  readonly #newHeadsMax: number
  #newHeads = 0

  constructor(chains: Chains<T>, seen: SeenHeads, newHeadsMax = NEW_HEADS_MAX) {
    this.#chains = chains
    this.#seen = seen
    this.#newHeadsMax = newHeadsMax
  }

  async look(listed: readonly T[]): Promise<ChainFindings> {
    const byWriter = Map.groupBy(listed, ({ wid }) => wid)
    const wids = [...new Set([...this.#seen.keys(), ...byWriter.keys()])]
    for (let at = 0; at < wids.length; at += LOOKS) {
      await Promise.all(wids.slice(at, at + LOOKS).map((wid) => this.#chain(wid, byWriter.get(wid) ?? [])))
    }
    return { heads: this.#heads, suspects: this.#suspects }
  }

  /** `chain` is in order of number, as it was listed. */
  async #chain(wid: string, chain: readonly T[]): Promise<void> {
    const was = this.#seen.get(wid)
    if (was === undefined) {
      const head = await this.#newest(chain, this.#newHeads++ < this.#newHeadsMax)
      if (head !== undefined) this.#heads.set(wid, { seq: head.seq, id: head.id })
      return
    }
    const there = chain.find((each) => isSameHead(each, was))
    const later = chain.filter(({ seq }) => seq > was.seq)
    const rivals = chain.filter((each) => each.seq === was.seq && each !== there)
    if (there !== undefined && later.length + rivals.length === 0) {
      this.#heads.set(wid, was)
      return
    }
    const head = await this.#newest(later, there === undefined || this.#newHeads++ < this.#newHeadsMax)
    const rival = head?.seq === was.seq + 1 && head.previous !== was.id ? head : await this.#newest(rivals, true)
    if (rival !== undefined) this.#suspect(wid, was, there === undefined, rival.objectName)
    else if (there === undefined && head === undefined) this.#suspect(wid, was, true)
    const now = head ?? (there === undefined ? await this.#newest(chain, true) : was)
    if (now !== undefined) this.#heads.set(wid, { seq: now.seq, id: now.id })
  }

  /** The newest sound object. Names alone prove nothing: anybody can put an object under one. */
  async #newest(chain: readonly T[], mayRead: boolean): Promise<VerifiedHead | undefined> {
    if (!mayRead) return undefined
    for (const listed of chain.slice(-HEAD_TRIES).toReversed()) {
      try {
        const previous = await this.#chains.previousOf(listed)
        return { seq: listed.seq, id: listed.id, objectName: listed.objectName, previous }
      } catch (error) {
        if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
      }
    }
    return undefined
  }

  #suspect(wid: string, head: SeenHead, absent: boolean, rival?: string): void {
    const objectName = this.#chains.nameOf(wid, head)
    const chain = this.#chains.name
    this.#suspects.push({ chain, wid, head, objectName, absent, ...(rival !== undefined && { rival }) })
  }
}

export function snapshotChains(repo: ChainSource): Chains<ListedObject> {
  return {
    name: 'snapshot',
    nameOf: (wid, { seq, id }) => snapshotName(wid, seq, id),
    previousOf: async ({ objectName, wid, seq }) => {
      const publicKey = await repo.writers.publicKey(fromHex(wid)!, 'snapshot', objectName)
      const bytes = await getNamedByHash(repo.store, objectName)
      const head = verifySnapshot(bytes, objectName, { publicKey, repoId: repo.id })
      if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
      return seq === 1 ? undefined : toHex(head.previous)
    },
  }
}

export function recordChains(repo: ChainSource): Chains<ListedRecord> {
  return {
    name: 'record',
    nameOf: (wid, { seq, id }) => logName(wid, seq, id),
    previousOf: async (listed) => {
      const { seq, previous } = await verifyRecord(repo, listed)
      return seq === 1 ? undefined : toHex(previous)
    },
  }
}
