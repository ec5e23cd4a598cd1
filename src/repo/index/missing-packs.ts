// Compares packs that the index names with what the store has. A pack that is gone, or shorter or longer than the index
// says, holds nothing that may be relied upon (docs/format.md, 10, rule W8).
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { listAll, listPages } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import type { PackRecord } from './pack-record.ts'

/** Questions under way at once. */
const STATS_AT_ONCE = 16
/** Up to so many packs are asked for one by one: a page of a list costs as much as a few questions. */
const STATS_MAX = 64

/** Bytes of each pack that is there, by name. A list that fails is an error, never a short one. */
export async function listPacks(store: Store): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
    for await (const page of listPages(store, prefix)) for (const { name, size } of page) sizes.set(name, size)
  }
  return sizes
}

/** Ids of the sessions whose key objects are there, hex. */
export async function listKeyedSessions(store: Store): Promise<Set<string>> {
  const sids = new Set<string>()
  for await (const { name } of listAll(store, PREFIXES.sessionKeys)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'session-keys') sids.add(parsed.sid)
  }
  return sids
}

/**
 * Those of `packs` that are not there as the index describes them. What a list lacks is looked for by itself before it
 * counts as missing: it may have been put since, and a list may be older than the store.
 */
export async function missingPacks<T extends Pick<PackRecord, 'objectName' | 'size'>>(
  store: Store,
  packs: readonly T[],
  listed?: ReadonlyMap<string, number>,
): Promise<T[]> {
  const sizes = listed ?? (packs.length <= STATS_MAX ? new Map<string, number>() : await listPacks(store))
  const doubtful = packs.filter(({ objectName, size }) => sizes.get(objectName) !== size)
  const missing: T[] = []
  for (let at = 0; at < doubtful.length; at += STATS_AT_ONCE) {
    const some = doubtful.slice(at, at + STATS_AT_ONCE)
    const found = await Promise.all(some.map(({ objectName }) => store.stat(objectName)))
    for (const [i, info] of found.entries()) if (info?.size !== some[i]!.size) missing.push(some[i]!)
  }
  return missing
}
