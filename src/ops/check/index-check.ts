// Reads the index as far as it can be read, and compares it with the packs that are there.
import { toHex } from '../../base/bytes.ts'
import { decodeIndexSegment } from '../../format/index-segment.ts'
import type { DecodedIndexedPack } from '../../format/index-segment.ts'
import { packName } from '../../format/names.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { readSignerId } from '../../format/signed-object.ts'
import { LoadedIndex } from '../../repo/loaded-index.ts'
import type { Repository } from '../../repo/repository.ts'
import { readDirectories } from '../../repo/unindexed-packs.ts'
import { tablesDigest } from './tables-digest.ts'
import type { BrokenParts } from './broken-parts.ts'
import { surveyObjects } from './object-survey.ts'
import type { Survey, SurveyedObject } from './object-survey.ts'
import type { ObjectVerifier } from './object-verifier.ts'

/** Where the blocks of a pack are in the index. */
export interface IndexedBlocks {
  readonly first: number
  readonly count: number
  /** Of the table that the index has. */
  readonly digest: string
}

export interface CheckedIndex {
  readonly index: LoadedIndex
  readonly packs: ReadonlyMap<string, IndexedBlocks>
  /** Ids of all sessions that blocks name, hex. */
  readonly sessions: ReadonlyMap<string, Uint8Array>
  /** Sessions of the packs that no segment names and whose own directories open, by name. */
  readonly unnamed: ReadonlyMap<string, readonly Uint8Array[]>
}

/** `listed`: sizes of the packs that are there, by name. */
export async function checkIndex(
  repo: Repository,
  survey: Survey,
  verifier: ObjectVerifier,
  segments: () => AsyncIterable<SurveyedObject>,
  listed: ReadonlyMap<string, number>,
  broken: BrokenParts,
): Promise<CheckedIndex> {
  const index = new LoadedIndex()
  const packs = new Map<string, IndexedBlocks>()
  const sessions = new Map<string, Uint8Array>()
  const later: { readonly pack: DecodedIndexedPack; readonly sessions: readonly Uint8Array[]; segment: string }[] = []
  const add = (pack: DecodedIndexedPack, sids: readonly Uint8Array[], segment: string) => {
    const name = packName(pack.kind, pack.hash)
    const digest = tablesDigest(pack.blocks, sids)
    const known = packs.get(name)
    if (known !== undefined) {
      if (known.digest === digest) return
      const message = `it says otherwise than another segment what is in ${name}`
      broken.packs.set(name, survey.damage.add(segment, 'corrupt', message))
      return
    }
    const first = index.blockCount
    index.addPack(pack, sids)
    packs.set(name, { first, count: index.blockCount - first, digest })
    for (const { session } of pack.blocks) sessions.set(toHex(sids[session]!), sids[session]!)
  }
  await surveyObjects(survey, segments(), async ({ name, parsed }, bytes) => {
    verifier.verify(name, parsed, bytes)
    const publicKey = await repo.writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, name), 'store', name)
    const segment = decodeIndexSegment(bytes, name, { sealer: repo.indexSealer, publicKey })
    for (const hash of segment.distrusted ?? []) index.distrusted.add(packName('data', hash))
    for (const pack of segment.packs) {
      const size = listed.get(packName(pack.kind, pack.hash))
      // A blob that is also in a pack that is whole is found there.
      if (size === pack.size) add(pack, segment.sessions, name)
      else later.push({ pack, sessions: segment.sessions, segment: name })
    }
  })
  for (const { pack, sessions: sids, segment } of later) {
    const name = packName(pack.kind, pack.hash)
    const isKnown = index.hasPack(name)
    add(pack, sids, segment)
    if (isKnown) continue
    const size = listed.get(name)
    if (size === undefined) {
      const message = `the index names ${pack.blocks.length} blocks in it, and it is not there`
      broken.packs.set(name, survey.damage.add(name, 'not-found', message))
    } else {
      const message = `it has ${size} bytes where the index says ${pack.size}`
      broken.packs.set(name, survey.damage.add(name, 'corrupt', message))
    }
  }
  // A backup that has found something wrong in a pack has stored it again: readers take that copy, and so does the check.
  if (index.overshadowed) {
    for await (const { name } of segments()) {
      survey.checkStopped()
      const segment = await repo.readSegment(name).catch(() => undefined) // what is wrong with it was told above
      for (const pack of segment?.packs ?? []) index.prefer(pack)
    }
  }
  // The index may have lost segments: what they named can still be read, and is not missing.
  index.beginUnnamed()
  const unnamed = new Map<string, readonly Uint8Array[]>()
  const unknown = [...listed].filter(([name]) => !index.hasPack(name))
  for await (const pack of readDirectories(repo.store, repo.indexSealer, unknown)) {
    survey.checkStopped()
    index.addPack(pack, pack.sessions)
    unnamed.set(pack.objectName, pack.sessions)
  }
  return { index, packs, sessions, unnamed }
}
