// Of a blob that lies in several packs one copy is enough, if it is what it says. Whoever may make backups can put something
// else under the locator of a blob that is there; if that copy were kept, the good one would be deleted. So a copy goes only
// where the one that counts was opened and compared: of trees by the walk, of content by who has the keys for it. Without
// them, with the role maintain, all copies of content stay.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlockBriefly } from '../../repo/block-codec.ts'
import { readDirectories } from '../../repo/unindexed-packs.ts'
import type { UnindexedPack } from '../../repo/unindexed-packs.ts'
import type { PruneContext } from './context.ts'
import type { IndexView } from './index-view.ts'
import { STANDING } from './pack-table.ts'
import type { PackInfo, PackTable } from './pack-table.ts'

export class Copies {
  readonly #packs: () => PackTable
  /** Places of blobs with several copies that were opened and are what their locators say. */
  readonly #verified = new Set<number>()
  /** Packs that were made by copying, by this prune or whoever made a plan that counts. */
  readonly trusted = new Set<string>()
  readonly #newestKeys: boolean

  /** With `newestKeys` copies that are sealed under these come first. */
  constructor(packs: () => PackTable, { newestKeys = false }: { readonly newestKeys?: boolean } = {}) {
    this.#packs = packs
    this.#newestKeys = newestKeys
  }

  /** Whether something in a block is needed that must not be given up for a copy of it. */
  isLive(block: number, pack: PackInfo): boolean {
    const packs = this.#packs()
    const { blobs } = packs
    const end = packs.endPlace(block)
    for (let place = packs.firstPlace(block); place < end; place++) {
      if (blobs.isNeeded(place)) return true
      if (!blobs.isShared(place)) continue
      const counting = blobs.countingPlace(place)
      if (blobs.isNeeded(counting) && !this.#mayGo(pack, counting)) return true
    }
    return false
  }

  /** Whether a copy in this pack may go in favour of the one that counts. */
  #mayGo({ kind, standing }: PackInfo, counting: number): boolean {
    // Nobody relies on it, or nobody can.
    if (standing === STANDING.unindexed || standing >= STANDING.closed) return true
    return kind === 'meta' || this.#verified.has(counting) || this.trusted.has(this.#packs().packOf(counting).name)
  }

  /**
   * Of each blob with several copies the one is to count that `isBetter` says; only what is as good as verified takes the place
   * of a node that was read.
   */
  prefer(isBetter: (a: number, b: number) => boolean): void {
    const packs = this.#packs()
    packs.blobs.prefer((a, b) => {
      const [one, other] = [packs.packOf(a), packs.packOf(b)]
      const wasRead = other.kind === 'meta' && packs.blobs.isNeeded(b) && other.standing < STANDING.closed
      if (wasRead && !this.trusted.has(one.name)) return false
      if (one.standing !== other.standing) return one.standing < other.standing
      if (this.#newestKeys && one.isUnderOlderKeys !== other.isUnderOlderKeys) return other.isUnderOlderKeys
      const [mine, yours] = [this.trusted.has(one.name), this.trusted.has(other.name)]
      return mine === yours ? isBetter(a, b) : mine
    })
  }

  /** Opens the blocks in which content lies that lies somewhere else too, and compares it; needs the keys of content. */
  async verify({ repo, check }: PruneContext, view: IndexView): Promise<void> {
    if (repo.domain.dataPrivate === undefined) return
    for (const info of view.present()) {
      if (info.kind !== 'data' || info.standing !== STANDING.sound) continue
      const blocks = this.#blocksWithCopies(info)
      if (blocks.length === 0) continue
      check()
      for await (const pack of readDirectories(repo.store, repo.indexSealer, [[info.name, info.size]])) {
        for (const block of blocks) await this.#verifyBlock(repo, info, pack, block)
      }
    }
  }

  /** Numbers of blocks with blobs that are needed, and of which other copies could go. */
  #blocksWithCopies({ firstBlock, endBlock }: PackInfo): number[] {
    const packs = this.#packs()
    const found: number[] = []
    for (let block = firstBlock; block < endBlock; block++) {
      const end = packs.endPlace(block)
      for (let place = packs.firstPlace(block); place < end; place++) {
        if (!packs.blobs.isShared(place) || !packs.blobs.isNeeded(place) || this.#verified.has(place)) continue
        found.push(block)
        break
      }
    }
    return found
  }

  async #verifyBlock(repo: PruneContext['repo'], info: PackInfo, pack: UnindexedPack, block: number): Promise<void> {
    const described = pack.blocks[block - info.firstBlock]
    if (described === undefined) return
    const { offset, storedLength, plainLength, codec, session, locs, lengths } = described
    try {
      const sealer = await repo.sessionKeys.sealer(pack.sessions[session]!, 'data')
      const sealed = await repo.store.get(info.name, { offset, length: storedLength })
      const plain = decodeBlockBriefly(sealer, SEALED_TYPES.dataBlock, sealed, codec, plainLength, info.name)
      const first = this.#packs().firstPlace(block)
      let at = 0
      for (let i = 0; i < lengths.length; i++) {
        const blob = plain.subarray(at, at + lengths[i]!)
        at += blob.length
        const ref = repo.blobKeys.refOf('data', blob)
        const loc = locs.subarray(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE)
        if (equalBytes(keyedHash(repo.domain.keyLoc, ref).subarray(0, LOCATOR_SIZE), loc)) this.#verified.add(first + i)
      }
    } catch (error) {
      // It is damaged or a lie: then no copy is given up for it.
      if (!(error instanceof BackupError) || error.code === 'unreachable' || error.code === 'io') throw error
    }
  }
}
