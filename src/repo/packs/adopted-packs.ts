// Packs that no segment names, on their way back into the index: their tables in segments of their own. Such a pack is kept
// as it is and never put again: were it deleted meanwhile, its name would come back, and another deletion of that name may
// still be on its way (docs/decisions/0024).
import { countBlobs } from '../../format/block-table.ts'
import { SEGMENT_BLOBS_MAX, SEGMENT_PACKS_MAX } from '../../format/index-segment.ts'
import type { IndexedPack, IndexSegment } from '../../format/index-segment.ts'
import { toHex } from '../../base/bytes.ts'
import { doing } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import type { Store } from '../../store/store.ts'
import { OF_OTHERS } from '../index/usable-packs.ts'
import { readUnindexed } from './unindexed-packs.ts'
import type { UnindexedPack } from './unindexed-packs.ts'

/** Sessions of a segment: far below what it can list, so that those of one more pack fit. */
const SESSIONS_MAX = 16_384

/** A pack with its own table. */
export type TabledPack = IndexedPack & Pick<UnindexedPack, 'sessions'>

/**
 * Those of some packs that may be named: each is acknowledged to this process, was read whole and is what its name says. One is
 * read while the one before it is looked at.
 */
export async function* keptPacks(
  { store, indexSealer }: { readonly store: Store; readonly indexSealer: Sealer },
  names: AsyncIterable<string>,
): AsyncGenerator<UnindexedPack> {
  let reading: Promise<UnindexedPack | undefined> | undefined
  for await (const name of names) {
    const before = await reading
    reading = keep(store, indexSealer, name)
    reading.catch(() => {})
    if (before !== undefined) yield before
  }
  const last = await reading
  if (last !== undefined) yield last
}

async function keep(store: Store, sealer: Sealer, name: string): Promise<UnindexedPack | undefined> {
  if (!(await doing('keeping a pack', name, () => store.keep(name)))) return undefined
  return (await readUnindexed(store, sealer, name))?.pack
}

/** The packs in segments; blocks refer to the sessions of the segment. */
export function* segmentsOf(packs: Iterable<TabledPack>): Generator<IndexSegment> {
  let segment = new GrowingSegment()
  for (const pack of packs) {
    if (!segment.hasRoomFor(pack)) {
      yield segment
      segment = new GrowingSegment()
    }
    segment.add(pack)
  }
  if (segment.packs.length > 0) yield segment
}

/** A segment that is being filled. */
export class GrowingSegment implements IndexSegment {
  readonly sessions: Uint8Array[] = [OF_OTHERS]
  readonly packs: IndexedPack[] = []
  readonly #ordinals = new Map<string, number>()
  #blobs = 0

  hasRoomFor({ blocks }: TabledPack): boolean {
    if (this.packs.length === 0) return true
    const room = this.#blobs + countBlobs(blocks) <= SEGMENT_BLOBS_MAX
    return room && this.packs.length < SEGMENT_PACKS_MAX && this.sessions.length < SESSIONS_MAX
  }

  add({ hash, kind, size, blocks, sessions }: TabledPack): void {
    this.#blobs += countBlobs(blocks)
    this.packs.push({
      hash,
      kind,
      size,
      blocks: blocks.map((block) => ({ ...block, session: this.#ordinal(sessions[block.session]!) })),
    })
  }

  #ordinal(sid: Uint8Array): number {
    const key = toHex(sid)
    let ordinal = this.#ordinals.get(key)
    if (ordinal === undefined) {
      ordinal = this.sessions.push(sid) - 1
      this.#ordinals.set(key, ordinal)
    }
    return ordinal
  }
}
