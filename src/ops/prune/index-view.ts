// The index as it is now, and what no segment names: read once, then kept up to date. Segments never change, so a second look
// reads only those that are new.
import { toHex } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { packName, parseObjectName, PREFIXES } from '../../format/names.ts'
import { releaseSegment } from '../../format/index-segment.ts'
import type { DecodedIndexedPack, DecodedIndexSegment } from '../../format/index-segment.ts'
import type { TabledPack } from '../../repo/packs/adopted-packs.ts'
import { ClosedPacks } from '../../repo/packs/closed-packs.ts'
import { foreignOf } from '../../repo/keys/membership.ts'
import { listKeyedSessions, listPacks } from '../../repo/index/missing-packs.ts'
import { returnFreeMemory } from '../../posix/allocator.ts'
import type { Repository } from '../../repo/repository.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { PackTable, STANDING } from './pack-table.ts'
import type { PackInfo, Standing } from './pack-table.ts'

export interface SegmentInfo {
  readonly name: string
  readonly size: number
  readonly blobs: number
  readonly packs: readonly string[]
  /** Names of data packs that it says are not to be relied on. */
  readonly distrusted: readonly string[]
}

const READS_AT_ONCE = 4
/** Segments after which what is free goes back to the system. */
const SEGMENTS_BETWEEN_RETURNS = 16
/** Bytes of segments that are in memory at once, unless it is a single one. */
const READ_BYTES_AT_ONCE = 16 * 1024 * 1024
/** How often the index is listed when segments go away under the reader. */
const ATTEMPTS = 5

export class IndexView {
  readonly #repo: Repository
  readonly #closed: ClosedPacks
  readonly packs = new PackTable()
  /** Segments that are there, by name. */
  segments: ReadonlyMap<string, SegmentInfo> = new Map()
  /** Of all segments that were ever read. */
  readonly #read = new Map<string, SegmentInfo>()
  readonly #foreign = new Set<string>()
  /** Packs that one of them names. */
  #named = new Set<string>()
  /** Packs that are there, with their sizes. */
  listed = new Map<string, number>()
  /** Packs that are there and could not be opened, so that nobody knows what is in them: of other domains, or damaged. */
  readonly unopened = new Set<string>()

  constructor(repo: Repository) {
    this.#repo = repo
    this.#closed = new ClosedPacks(repo)
  }

  /**
   * Lists and reads the index, then lists the packs, then reads the directories of those that it does not name: whatever is
   * put before it is named is seen here in one of the two ways. Throws when a segment is damaged: what it named would look
   * like garbage.
   */
  async refresh(check: () => void): Promise<void> {
    returnFreeMemory()
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#readSegments(check)
        break
      } catch (error) {
        // Another pruner puts other segments in the place of some while we read: those that are listed now say the same.
        if (codeOf(error) !== 'not-found' || attempt === ATTEMPTS) throw error
      }
    }
    this.listed = await listPacks(this.#repo.store)
    this.#closed.retain(await listKeyedSessions(this.#repo.store))
    await this.#readUnindexed(check)
    await this.#judge()
  }

  /** Notes a new pack that was put and read back, and that the index names since. */
  note(pack: TabledPack): PackInfo | undefined {
    const info = this.packs.add(pack, pack.sessions, STANDING.sound)
    if (info === undefined) return undefined
    info.standing = STANDING.sound
    this.listed.set(info.name, info.size)
    this.#named.add(info.name)
    return info
  }

  #allNamed(): Set<string> {
    const named = new Set<string>()
    for (const { packs } of this.segments.values()) for (const name of packs) named.add(name)
    return named
  }

  /** The packs of this domain that there are, or that the index says there are. */
  *present(): Generator<PackInfo> {
    for (const pack of this.packs.packs) {
      if (this.listed.has(pack.name) || this.#named.has(pack.name)) yield pack
    }
  }

  /** How many snapshots say of themselves what they are of under keys that somebody has who has older ones alone. */
  async snapshotsUnderOlderKeys(snapshots: readonly { readonly sid: Uint8Array }[]): Promise<number> {
    await this.#closed.among(snapshots.map(({ sid }) => ({ kind: 'meta', sessions: [sid] })))
    return snapshots.filter(({ sid }) => this.#closed.isUnderOlderKeys(toHex(sid), 'meta')).length
  }

  isNamed({ name }: PackInfo): boolean {
    return this.#named.has(name)
  }

  async #readSegments(check: () => void): Promise<void> {
    const revoked = await this.#repo.trust.revoked()
    const listed = await sizesOf(this.#repo.store, PREFIXES.index)
    const unread = [...listed].filter(([name]) => !this.#read.has(name) && !this.#foreign.has(name))
    const ofRevoked: [string, number][] = []
    let sinceReturn = 0
    for (const some of batches(unread)) {
      check()
      sinceReturn += some.length
      if (sinceReturn >= SEGMENTS_BETWEEN_RETURNS) {
        sinceReturn = 0
        returnFreeMemory()
      }
      const read = await Promise.all(
        some.map(([name]) =>
          this.#repo.readSegment(name).catch((error: unknown) => {
            // What a writer signs whose role does not permit it counts for nothing, here as everywhere.
            if (foreignOf(error) === undefined && !isNotPermitted(error)) throw damagedIndex(error)
            this.#foreign.add(name)
            return undefined
          }),
        ),
      )
      for (const [i, segment] of read.entries()) {
        const [name, size] = some[i]!
        if (segment === undefined) continue
        if (revoked.has(segment.wid)) ofRevoked.push([name, size])
        else this.#take(name, size, segment)
      }
    }
    // Of a pack that others name too the table in theirs is taken (docs/format.md, 9.4).
    for (const [name, size] of ofRevoked) this.#take(name, size, await this.#repo.readSegment(name), true)
    this.segments = new Map(
      [...listed.keys()].flatMap((name) => (this.#read.has(name) ? [[name, this.#read.get(name)!]] : [])),
    )
    this.#named = this.#allNamed()
  }

  #take(name: string, size: number, segment: DecodedIndexSegment, isRevoked = false): void {
    const { packs, sessions, distrusted = [] } = segment
    const names: string[] = []
    for (const pack of packs) {
      const info = this.packs.add(pack, sessions, STANDING.sound)
      names.push(info?.name ?? packName(pack.kind, pack.hash))
      if (info !== undefined || isRevoked) continue
      const what = `it says otherwise than another one what is in ${packName(pack.kind, pack.hash)}`
      throw damagedIndex(new BackupError('corrupt', what, name))
    }
    this.#read.set(name, {
      name,
      size,
      blobs: packs.reduce((sum, pack) => sum + blobsOf(pack), 0),
      packs: names,
      // A hash does not say of which kind the pack is.
      distrusted: isRevoked ? [] : distrusted.flatMap((hash) => [packName('data', hash), packName('meta', hash)]),
    })
    releaseSegment(segment)
  }

  async #readUnindexed(check: () => void): Promise<void> {
    const unknown = [...this.listed].filter(([name]) => this.packs.find(name) === undefined && !this.unopened.has(name))
    for (const [name] of unknown) this.unopened.add(name)
    for await (const pack of readDirectories(this.#repo.store, this.#repo.indexSealer, unknown)) {
      check()
      this.unopened.delete(pack.objectName)
      this.packs.add(pack, pack.sessions, STANDING.unindexed)
    }
    for (const name of this.unopened) if (!this.listed.has(name)) this.unopened.delete(name)
  }

  /** How far each pack can be relied on now. */
  async #judge(): Promise<void> {
    const distrusted = new Set([...this.segments.values()].flatMap((segment) => segment.distrusted))
    const gone = new Set(this.packs.packs.filter(({ name, size }) => this.listed.get(name) !== size))
    // A list may be older than the store: what the index names is asked for by its name.
    const doubtful = [...gone].filter((pack) => this.isNamed(pack))
    for (let at = 0; at < doubtful.length; at += STATS_AT_ONCE) {
      const some = doubtful.slice(at, at + STATS_AT_ONCE)
      const found = await Promise.all(some.map(({ name }) => this.#repo.store.stat(name)))
      for (const [i, info] of found.entries()) {
        if (info !== null) this.listed.set(some[i]!.name, info.size)
        if (info?.size === some[i]!.size) gone.delete(some[i]!)
      }
    }
    const closed = await this.#closedPacks()
    for (const pack of this.packs.packs) {
      pack.standing = this.#standing(pack, { gone, closed, distrusted })
      pack.isUnderOlderKeys = pack.sessions.some((sid) => this.#closed.isUnderOlderKeys(sid, pack.kind))
    }
  }

  async #closedPacks(): Promise<ReadonlySet<PackInfo>> {
    const { packs } = this.packs
    const sids = new Set<string>()
    for (const { sessions } of packs) for (const sid of sessions) sids.add(sid)
    const opens = await this.#closed.openable(sids)
    return new Set(packs.filter(({ kind, sessions }) => !sessions.every((sid) => opens(sid, kind))))
  }

  #standing(
    pack: PackInfo,
    {
      gone,
      closed,
      distrusted,
    }: {
      readonly gone: ReadonlySet<PackInfo>
      readonly closed: ReadonlySet<PackInfo>
      readonly distrusted: ReadonlySet<string>
    },
  ): Standing {
    if (gone.has(pack)) return STANDING.missing
    if (closed.has(pack)) return STANDING.closed
    if (distrusted.has(pack.name)) return STANDING.distrusted
    return this.#named.has(pack.name) ? STANDING.sound : STANDING.unindexed
  }
}

const STATS_AT_ONCE = 16

/** Segments, with their sizes, that are read at once. */
function* batches(segments: readonly (readonly [string, number])[]): Generator<readonly (readonly [string, number])[]> {
  let batch: (readonly [string, number])[] = []
  let bytes = 0
  for (const segment of segments) {
    const isFull = batch.length === READS_AT_ONCE || bytes + segment[1] > READ_BYTES_AT_ONCE
    if (batch.length > 0 && isFull) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(segment)
    bytes += segment[1]
  }
  if (batch.length > 0) yield batch
}

async function sizesOf(store: Store, prefix: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for await (const { name, size } of listAll(store, prefix)) {
    if (parseObjectName(name)?.kind === 'index') sizes.set(name, size)
  }
  return sizes
}

function blobsOf({ blocks }: DecodedIndexedPack): number {
  return blocks.reduce((sum, { lengths }) => sum + lengths.length, 0)
}

function damagedIndex(error: unknown): unknown {
  if (!(error instanceof BackupError) || (error.code !== 'corrupt' && error.code !== 'limit')) return error
  return new BackupError(error.code, 'a part of the index is damaged, so nothing is deleted', error.subject, {
    cause: error,
    hint: 'run `holdfast check`; what is damaged has to be repaired before anything can be pruned',
  })
}
