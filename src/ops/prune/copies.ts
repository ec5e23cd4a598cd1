// Of a blob that lies in several packs one copy is enough, if it is what it says. Whoever may make backups can put something
// else under the locator of a blob that is there; if that copy were kept, the good one would be deleted. So a copy goes only
// where the one that counts was opened and compared: of trees by the walk, of content by who has the keys for it. Without
// them, with the role maintain, all copies of content stay.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlockBriefly } from '../../repo/packs/block-codec.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'
import type { UnindexedPack } from '../../repo/packs/unindexed-packs.ts'
import type { PruneContext } from './context.ts'
import type { IndexView } from './index-view.ts'
import { digestOf, STANDING } from './pack-table.ts'
import type { PackInfo, PackTable, Standing } from './pack-table.ts'

/**
 * Packs in which a copy can be for whose sake another one goes. What is condemned by the plans that are carried out here is
 * copied before anything of them is deleted; what others condemn they may delete at any time, going by a copy that goes here.
 */
const KEEPERS: ReadonlySet<Standing> = new Set([
  STANDING.sound,
  STANDING.condemned,
  STANDING.distrusted,
  STANDING.distrustedCondemned,
])

export interface CopiesOptions {
  /** Copies that are sealed under the newest keys come first. */
  readonly newestKeys?: boolean
}

export class Copies {
  readonly #packs: () => PackTable
  /** Blocks that this prune has copied, or found to be copied, and what they are copied to. */
  readonly #copied = new Map<number, number>()
  readonly #opts: CopiesOptions

  constructor(packs: () => PackTable, opts: CopiesOptions = {}) {
    this.#packs = packs
    this.#opts = opts
  }

  /** Notes that a block was copied as it is. */
  noteCopied(from: number, to: number): void {
    this.#copied.set(from, to)
    const packs = this.#packs()
    const [first, firstCopy] = [packs.firstPlace(from), packs.firstPlace(to)]
    for (let i = 0; first + i < packs.endPlace(from); i++) {
      if (packs.blobs.isVerified(first + i)) packs.blobs.verify(firstCopy + i)
    }
  }

  /** Whether something in a block is needed that must not be given up for a copy of it. */
  isLive(block: number, pack: PackInfo): boolean {
    const packs = this.#packs()
    const { blobs } = packs
    const copy = this.#copied.get(block)
    if (copy !== undefined && packs.packOfBlock(copy).standing === STANDING.sound) return false
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
  #mayGo({ standing }: PackInfo, counting: number): boolean {
    const packs = this.#packs()
    const keeper = packs.packOf(counting)
    if (!KEEPERS.has(keeper.standing)) return false
    // There is nothing to be lost. What nobody can open may be opened again when its keys are repaired.
    if (standing === STANDING.missing) return true
    return packs.blobs.isVerified(counting)
  }

  /**
   * Of each blob with several copies the one is to count that `isBetter` says, among those that can be relied on alike: in packs
   * of the best standing, and verified.
   */
  prefer(isBetter: (a: number, b: number) => boolean): void {
    const packs = this.#packs()
    const { blobs } = packs
    blobs.prefer((a, b) => {
      const [one, other] = [packs.packOf(a), packs.packOf(b)]
      if (one.standing !== other.standing) return one.standing < other.standing
      if (blobs.isVerified(a) !== blobs.isVerified(b)) return blobs.isVerified(a)
      if (this.#opts.newestKeys === true && one.isUnderOlderKeys !== other.isUnderOlderKeys)
        return other.isUnderOlderKeys
      return isBetter(a, b)
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
        // The index tells which blob is where; if it says otherwise than the pack, nothing is known of either.
        if (digestOf(pack, pack.sessions) !== info.digest) continue
        for (const block of blocks) await this.#verifyBlock(repo, info, pack, block)
      }
    }
  }

  /** Numbers of blocks with blobs that are needed, and of which other copies could go. */
  #blocksWithCopies({ firstBlock, endBlock }: PackInfo): number[] {
    const packs = this.#packs()
    const { blobs } = packs
    const found: number[] = []
    for (let block = firstBlock; block < endBlock; block++) {
      const end = packs.endPlace(block)
      for (let place = packs.firstPlace(block); place < end; place++) {
        if (!blobs.isShared(place) || !blobs.isNeeded(place) || blobs.isVerified(place)) continue
        found.push(block)
        break
      }
    }
    return found
  }

  async #verifyBlock(repo: PruneContext['repo'], info: PackInfo, pack: UnindexedPack, block: number): Promise<void> {
    const { offset, storedLength, plainLength, codec, session, locs, lengths } = pack.blocks[block - info.firstBlock]!
    try {
      const sealer = await repo.sessionKeys.sealer(pack.sessions[session]!, 'data')
      const sealed = await repo.store.get(info.name, { offset, length: storedLength })
      const type = SEALED_TYPES.dataBlock
      const plain = decodeBlockBriefly(sealer, { type, sealed, codec, plainLength, subject: info.name })
      const packs = this.#packs()
      const first = packs.firstPlace(block)
      let at = 0
      for (let i = 0; i < lengths.length; i++) {
        const blob = plain.subarray(at, at + lengths[i]!)
        at += blob.length
        const ref = repo.blobKeys.refOf('data', blob)
        const loc = locs.subarray(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE)
        if (equalBytes(keyedHash(repo.domain.keyLoc, ref).slice(0, LOCATOR_SIZE), loc)) packs.blobs.verify(first + i)
      }
    } catch (error) {
      // It is damaged or a lie: then no copy is given up for it.
      if (!(error instanceof BackupError) || error.code === 'unreachable' || error.code === 'io') throw error
    }
  }
}
