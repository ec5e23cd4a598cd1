// Puts segments of the index, reads each back, and only then lets go what they take the place of (docs/format.md, 10, M4).
import { compareBytes, releaseMemory } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import {
  encodeIndexSegment,
  releaseSegment,
  SEGMENT_BLOBS_MAX,
  SEGMENT_DISTRUSTED_MAX,
} from '../../format/index-segment.ts'
import type { IndexSegment } from '../../format/index-segment.ts'
import { indexName, packName } from '../../format/names.ts'
import { GrowingSegment } from '../../repo/packs/adopted-packs.ts'
import type { TabledPack } from '../../repo/packs/adopted-packs.ts'
import { returnFreeMemory } from '../../posix/allocator.ts'
import { unlessGone } from '../../repo/objects/gone-object.ts'
import { settle } from '../../repo/objects/settle.ts'
import type { PruneContext } from './context.ts'
import type { IndexView, SegmentInfo } from './index-view.ts'
import { digestOf } from './pack-table.ts'
import { hashOfPack } from './plans.ts'

/** A segment with less than this share of the blobs that it may have is small. */
const SMALL_SHARE = 1 / 4
/** So many small segments are merged into few; below it the next backups would only make new ones to merge with them. */
const MERGE_FROM = 16
/** Segments after which what is free goes back to the system. */
const SEGMENTS_BETWEEN_RETURNS = 16

export class IndexWriter {
  readonly #ctx: PruneContext
  readonly #view: IndexView
  written = 0
  deleted = 0

  constructor(ctx: PruneContext, view: IndexView) {
    this.#ctx = ctx
    this.#view = view
  }

  /** Puts the tables of packs that are acknowledged. */
  async name(packs: Iterable<TabledPack>): Promise<void> {
    const filler = new Filler((segment) => this.#put(segment))
    for (const pack of packs) await filler.add(pack)
    await filler.finish([])
  }

  /**
   * Puts segments without the packs that are gone in the place of those that name one, and merges small ones where there are
   * many. The view must be up to date. Gives how many it has replaced.
   */
  async replace(isGone: (pack: string) => boolean): Promise<number> {
    const segments = [...this.#view.segments.values()]
    const affected = segments.filter(({ packs }) => packs.some(isGone))
    const small = segments.filter((segment) => segment.blobs < SEGMENT_BLOBS_MAX * SMALL_SHARE)
    const old = new Set(small.length >= MERGE_FROM ? [...affected, ...small] : affected)
    if (old.size === 0) return 0
    const names = await this.#rewrite([...old], isGone)
    // Whoever does not find the old ones any more finds the new ones.
    await settle(this.#ctx.repo.store, this.#ctx.clock)
    for (const { name } of old) {
      // Sealing the same gives the same bytes, so what is new may be called as something old.
      if (names.has(name)) continue
      await doing('deleting a replaced part of the index', name, () => this.#ctx.repo.store.delete(name))
      this.deleted++
    }
    return old.size
  }

  async #rewrite(old: readonly SegmentInfo[], isGone: (pack: string) => boolean): Promise<ReadonlySet<string>> {
    const names = new Set<string>()
    const filler = new Filler(async (segment) => names.add(await this.#put(segment)))
    const added = new Set<string>()
    for (const { name } of old) {
      this.#ctx.check()
      // Somebody else may have replaced it; what it named is in another segment then.
      const segment = await unlessGone(this.#ctx.repo.store, name, () => this.#ctx.repo.readSegment(name))
      for (const pack of segment?.packs ?? []) {
        const objectName = packName(pack.kind, pack.hash)
        if (isGone(objectName) || added.has(objectName)) continue
        // One of a revoked writer may say something else.
        if (this.#view.packs.find(objectName)?.digest !== digestOf(pack, segment!.sessions)) continue
        added.add(objectName)
        await filler.add({ ...pack, sessions: segment!.sessions })
      }
    }
    const distrusted = new Set(old.flatMap((segment) => segment.distrusted))
    await filler.finish([...distrusted].filter((name) => this.#view.listed.has(name) && !isGone(name)))
    return names
  }

  /** Gives its name once it was read back. */
  async #put(segment: IndexSegment): Promise<string> {
    const { repo, writer } = this.#ctx
    const bytes = encodeIndexSegment(segment, { sealer: repo.indexSealer, signer: writer.signer })
    const name = indexName(hash(bytes))
    await doing('storing the index', name, async () => {
      await repo.store.put(name, [bytes])
      releaseMemory(bytes)
      const stored = await repo.readSegment(name)
      releaseSegment(stored)
      if (stored.packs.length !== segment.packs.length)
        throw new BackupError('corrupt', 'it is not what was stored', name)
    })
    if (++this.written % SEGMENTS_BETWEEN_RETURNS === 0) returnFreeMemory()
    return name
  }
}

/** Fills segments one after the other. */
class Filler {
  readonly #put: (segment: IndexSegment) => Promise<unknown>
  #segment = new GrowingSegment()

  constructor(put: (segment: IndexSegment) => Promise<unknown>) {
    this.#put = put
  }

  async add(pack: TabledPack): Promise<void> {
    if (!this.#segment.hasRoomFor(pack)) await this.#next([])
    this.#segment.add(pack)
  }

  async finish(distrusted: readonly string[]): Promise<void> {
    const hashes = distrusted.map(hashOfPack).sort(compareBytes)
    for (let at = 0; at < hashes.length || this.#segment.packs.length > 0; at += SEGMENT_DISTRUSTED_MAX) {
      await this.#next(hashes.slice(at, at + SEGMENT_DISTRUSTED_MAX))
    }
  }

  async #next(distrusted: readonly Uint8Array[]): Promise<void> {
    const { sessions, packs } = this.#segment
    this.#segment = new GrowingSegment()
    await this.#put({ sessions, packs, ...(distrusted.length > 0 && { distrusted }) })
  }
}
