// Reads the index: all segments for who reads blobs, and less than that for a session that relies on what is in it.
import { assert } from '../../base/assert.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { packName, parseObjectName, PREFIXES } from '../../format/names.ts'
import type { DecodedIndexSegment } from '../../format/index-segment.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { LoadedIndex } from './loaded-index.ts'
import type { PackRecord } from './loaded-index.ts'
import type { PackSet } from './pack-names.ts'
import { blobsOf } from './local-index.ts'
import type { ListedSegment, LocalIndex, SegmentReader } from './local-index.ts'
import { foreignOf } from '../keys/membership.ts'
import { listPacks, missingPacks } from './missing-packs.ts'
import type { Revocations } from '../writers/revocations.ts'
import { PageFileError } from './sealed-pages.ts'
import type { SegmentOrigin, UsablePacks } from './usable-packs.ts'

/** Segments fetched at once. */
const INDEX_READS = 4
/** How often the index is listed when segments go away under the reader: a pruner replaces them once in its run. */
const INDEX_ATTEMPTS = 4

/** Of a repository in one of its domains. */
export interface IndexSource {
  readonly store: Store
  readonly trust: { revoked(): Promise<Revocations> }
  /** Where a large index lies on this machine, if it may. */
  readonly localIndex: LocalIndex | undefined
  readSegment(name: string): Promise<DecodedIndexSegment & SegmentOrigin>
}

interface WrittenIndexSource extends IndexSource {
  condemned(): Promise<PackSet & CondemnedSessions>
}

interface CondemnedSessions {
  hasSession(sid: string): boolean
}

/** Tells of packs whether they can be opened, once it knows what is condemned. */
interface ClosedToAll {
  condemned: CondemnedSessions | undefined
  among(packs: readonly PackRecord[]): Promise<ReadonlySet<PackRecord>>
  losesKeys(pack: PackRecord): boolean
  writerOf(sid: Uint8Array): string | undefined
}

export interface IndexReading {
  /** Packs that are left out. */
  readonly condemned: PackSet
  /** Names of packs from which only that is taken which no other has. */
  readonly last?: ReadonlySet<string>
  /** Decides which packs are taken from which segments; all of them unless given. */
  readonly usable?: UsablePacks | undefined
}

/**
 * The index of the domain. What a damaged segment named counts as not stored (LoadedIndex.damaged): one bad object must not
 * stand in the way of everything else.
 */
export async function readIndex(repo: IndexSource, reading: IndexReading): Promise<LoadedIndex> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readListedIndex(repo, reading)
    } catch (error) {
      if (attempt === INDEX_ATTEMPTS) throw error
      // A pruner puts other segments in the place of some while we read: those that are listed now say the same.
      if (error instanceof PageFileError) repo.localIndex?.giveUp()
      else if (codeOf(error) !== 'not-found') throw error
    }
  }
}

/**
 * The index for a session that writes: without the packs that a plan condemns, and without those that are not there as the
 * index says (LoadedIndex.missing), cannot be opened (closed), are distrusted or, where `usable` is given, are not to be
 * relied on (passedOver): they hold nothing that may be referenced. `distrust` names further packs that somebody found damaged.
 */
export async function readIndexToWrite(
  repo: WrittenIndexSource,
  closedPacks: ClosedToAll,
  usable: UsablePacks | undefined,
  distrust: Iterable<string> = [],
): Promise<LoadedIndex> {
  const condemned = await repo.condemned()
  closedPacks.condemned = condemned
  const more = new Set(distrust)
  const excluded: PackSet = { has: (name) => more.has(name) || condemned.has(name) }
  // Only now: what a plan took away is gone by the time that the plan is, and then this list does not show it.
  const listing = listPacks(repo.store)
  listing.catch(() => {})
  const missing: PackRecord[] = []
  const closed: PackRecord[] = []
  const passedOver = new Set<string>()
  for (;;) {
    const index = await readIndex(repo, { condemned: excluded, usable })
    const { packs } = index
    const gone = await missingPacks(repo.store, packs, await listing)
    const unopened = [...(await closedPacks.among(packs))].filter((pack) => !gone.includes(pack))
    const isDistrusted = ({ objectName }: PackRecord) => index.distrusted.has(objectName)
    const distrusted = index.distrusted.size === 0 ? [] : packs.filter(isDistrusted)
    const others = usable?.ofOthers(packs, closedPacks) ?? []
    for (const { objectName } of others) passedOver.add(objectName)
    if (gone.length + unopened.length + distrusted.length + others.length === 0) {
      for (const name of [...index.distrusted, ...index.passedOver]) more.add(name)
      for (const name of passedOver) index.passedOver.add(name)
      index.excluded = excluded
      index.missing = inOrder(missing)
      index.closed = inOrder(closed)
      return index
    }
    missing.push(...gone)
    // Keys that are about to go are no damage.
    closed.push(...unopened.filter((pack) => !closedPacks.losesKeys(pack)))
    for (const { objectName } of [...gone, ...unopened, ...distrusted, ...others]) more.add(objectName)
  }
}

async function readListedIndex(repo: IndexSource, reading: IndexReading): Promise<LoadedIndex> {
  const { usable } = reading
  const choice = new PackChoice(reading, await repo.trust.revoked())
  const listed: ListedSegment[] = []
  for await (const { name, size } of listAll(repo.store, PREFIXES.index)) {
    if (parseObjectName(name)?.kind === 'index') listed.push({ name, size })
  }
  const read = (name: string) => readSegmentOrDamage(repo, name)
  const filed = await repo.localIndex?.bring(listed, read)
  const missing = listed.filter(({ name }) => filed?.covers.has(name) !== true)
  const index = new LoadedIndex(blobsOf(missing), filed)
  const names = new Set(listed.map(({ name }) => name))
  for (const segment of filed?.coverage.segments ?? []) {
    if (!names.has(segment.name)) continue
    choice.distrust(index, segment.wid, segment.distrusted)
    for (const number of segment.packs) {
      const { packs } = filed!.coverage
      const takes = () => usable?.takesFiled(segment, number, packs) !== false
      const name = () => packs.name(number)
      choice.take(index, segment.wid, name, takes, (last) => index.countFiled(number, last))
    }
  }
  // Fetched a few at a time, added in order of name: the result does not depend on which answer comes first.
  for (let at = 0; at < missing.length; at += INDEX_READS) {
    const part = missing.slice(at, at + INDEX_READS)
    const segments = await Promise.all(part.map(({ name }) => read(name)))
    for (const segment of segments) {
      if (segment === undefined) continue
      if (segment instanceof BackupError) {
        index.damaged.push(segment)
        continue
      }
      const distrusted = segment.distrusted?.map((hash) => packName('data', hash))
      choice.distrust(index, segment.wid, distrusted ?? [])
      for (const pack of segment.packs) {
        const takes = () => usable?.takes(segment, pack) !== false
        const add = (last: boolean) => index.addPack(pack, segment.sessions, last)
        choice.take(index, segment.wid, () => packName(pack.kind, pack.hash), takes, add)
      }
    }
  }
  choice.finish(index)
  return index
}

function hashOfPack(name: string): string {
  const parsed = parseObjectName(name)
  assert(parsed?.kind === 'pack', 'packs are distrusted')
  return parsed.hash
}

const NONE: ReadonlySet<string> = new Set()

/** Which packs of which segments go into an index, and in which order. */
class PackChoice {
  readonly #reading: IndexReading
  readonly #revoked: Revocations
  readonly #later: (() => void)[] = []

  constructor(reading: IndexReading, revoked: Revocations) {
    this.#reading = reading
    this.#revoked = revoked
  }

  distrust(index: LoadedIndex, wid: string, names: readonly string[]): void {
    if (this.#revoked.has(wid)) return
    for (const name of names) index.distrust(hashOfPack(name))
  }

  /**
   * A pack that a segment of `wid` names: `add` is called now, later or not at all. Its name is made where it is asked for: an
   * index may have hundreds of thousands of packs.
   */
  take(index: LoadedIndex, wid: string, name: () => string, takes: () => boolean, add: (last: boolean) => void): void {
    const { condemned, last = NONE } = this.#reading
    if (condemned.has(name())) return
    if (!takes()) index.passedOver.add(name())
    // What somebody else says of a pack comes before what a revoked writer does.
    else if ((last.size > 0 && last.has(name())) || this.#revoked.has(wid)) this.#later.push(() => add(true))
    else add(false)
  }

  finish(index: LoadedIndex): void {
    for (const add of this.#later) add()
    for (const name of index.passedOver) if (index.hasPack(name)) index.passedOver.delete(name)
  }
}

/** A segment; the error when it is damaged; nothing when it is of another domain. */
export function readSegmentOrDamage(repo: IndexSource, name: string): ReturnType<SegmentReader> {
  return repo.readSegment(name).catch(damageOf)
}

/** The error if it is damage, nothing if it is of another domain; anything else says nothing about the object and is thrown. */
function damageOf(error: unknown): BackupError | undefined {
  if (foreignOf(error) !== undefined) return undefined
  if (error instanceof BackupError && (error.code === 'corrupt' || error.code === 'limit')) return error
  throw error
}

function inOrder(packs: readonly PackRecord[]): PackRecord[] {
  return packs.toSorted((a, b) => (a.objectName < b.objectName ? -1 : 1))
}
