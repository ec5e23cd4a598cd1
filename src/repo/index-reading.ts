// Reads the index: all segments for who reads blobs, and less than that for a session that relies on what is in it.
import { BackupError, codeOf } from '../base/errors.ts'
import { packName, parseObjectName, PREFIXES } from '../format/names.ts'
import { listAll } from '../store/store.ts'
import type { ClosedPacks } from './closed-packs.ts'
import { LoadedIndex } from './loaded-index.ts'
import type { PackRecord } from './loaded-index.ts'
import { foreignOf } from './membership.ts'
import { listPacks, missingPacks } from './missing-packs.ts'
import type { Repository } from './repository.ts'
import type { UsablePacks } from './usable-packs.ts'

/** Segments fetched at once. */
const INDEX_READS = 4
/** How often the index is listed when segments go away under the reader: a pruner replaces them once in its run. */
const INDEX_ATTEMPTS = 4
/** Bytes of a segment for each blob, a little less than it takes: to size the table before it is read. */
const INDEX_BYTES_PER_BLOB = 28

export interface IndexReading {
  /** Names of packs that are left out. */
  readonly condemned: ReadonlySet<string>
  /** Names of packs from which only that is taken which no other has. */
  readonly last?: ReadonlySet<string>
  /** Decides which packs are taken from which segments; all of them unless given. */
  readonly usable?: UsablePacks | undefined
}

/**
 * The index of the domain. What a damaged segment named counts as not stored (LoadedIndex.damaged): one bad object must not
 * stand in the way of everything else.
 */
export async function readIndex(repo: Repository, reading: IndexReading): Promise<LoadedIndex> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readListedIndex(repo, reading)
    } catch (error) {
      // A pruner puts other segments in the place of some while we read: those that are listed now say the same.
      if (codeOf(error) !== 'not-found' || attempt === INDEX_ATTEMPTS) throw error
    }
  }
}

/**
 * The index for a session that writes: without the packs that a plan condemns, and without those that are not there as the
 * index says (LoadedIndex.missing), cannot be opened (closed), are distrusted or, where `usable` is given, are not to be
 * relied on (passedOver): they hold nothing that may be referenced.
 */
export async function readIndexToWrite(
  repo: Repository,
  closedPacks: ClosedPacks,
  usable: UsablePacks | undefined,
): Promise<LoadedIndex> {
  const condemned = await repo.condemnedPacks()
  // Only now: what a plan took away is gone by the time that the plan is, and then this list does not show it.
  const listing = listPacks(repo.store)
  listing.catch(() => {})
  const missing: PackRecord[] = []
  const closed: PackRecord[] = []
  const passedOver = new Set<string>()
  for (;;) {
    const index = await readIndex(repo, { condemned, usable })
    const gone = await missingPacks(repo.store, index.packs, await listing)
    const unopened = [...(await closedPacks.among(index.packs))].filter((pack) => !gone.includes(pack))
    const distrusted = index.packs.filter(({ objectName }) => index.distrusted.has(objectName))
    const others = usable?.ofOthers(index.packs, closedPacks) ?? []
    for (const { objectName } of others) passedOver.add(objectName)
    if (gone.length + unopened.length + distrusted.length + others.length === 0) {
      for (const name of [...index.distrusted, ...index.passedOver]) condemned.add(name)
      for (const name of passedOver) index.passedOver.add(name)
      index.excluded = condemned
      index.missing = inOrder(missing)
      index.closed = inOrder(closed)
      return index
    }
    missing.push(...gone)
    closed.push(...unopened)
    for (const { objectName } of [...gone, ...unopened, ...distrusted, ...others]) condemned.add(objectName)
  }
}

async function readListedIndex(repo: Repository, { condemned, last, usable }: IndexReading): Promise<LoadedIndex> {
  const revoked = await repo.trust.revoked()
  const later: (() => void)[] = []
  const names: string[] = []
  let bytes = 0
  for await (const { name, size } of listAll(repo.store, PREFIXES.index)) {
    if (parseObjectName(name)?.kind !== 'index') continue
    names.push(name)
    bytes += size
  }
  const index = new LoadedIndex(Math.ceil(bytes / INDEX_BYTES_PER_BLOB))
  // Fetched a few at a time, added in order of name: the result does not depend on which answer comes first.
  for (let at = 0; at < names.length; at += INDEX_READS) {
    const part = names.slice(at, at + INDEX_READS)
    const read = await Promise.all(part.map((name) => repo.readSegment(name).catch(damageOf)))
    for (const segment of read) {
      if (segment === undefined) continue
      if (segment instanceof BackupError) {
        index.damaged.push(segment)
        continue
      }
      const isRevoked = revoked.has(segment.wid)
      if (!isRevoked) for (const hash of segment.distrusted ?? []) index.distrusted.add(packName('data', hash))
      for (const pack of segment.packs) {
        const name = packName(pack.kind, pack.hash)
        if (condemned.has(name)) continue
        if (usable?.takes(segment, pack) === false) {
          index.passedOver.add(name)
          continue
        }
        // What somebody else says of a pack comes before what a revoked writer does.
        if (last?.has(name) === true || isRevoked) later.push(() => index.addPack(pack, segment.sessions))
        else index.addPack(pack, segment.sessions)
      }
    }
  }
  for (const add of later) add()
  for (const name of index.passedOver) if (index.hasPack(name)) index.passedOver.delete(name)
  return index
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
