// Who has no key for content carries out the plan of somebody who has died, and has not seen what he copied. The plan says into
// which packs; that a block lies there, sealed byte for byte as in the pack that goes, shows without any key. Nothing less will
// do: beside what was needed somebody else's lie about what is needed by now may have been copied into the same packs.
import { equalBytes, releaseMemory } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import { HEADER_SIZE } from '../../format/object-header.ts'
import type { ListedPlan } from '../../repo/packs/condemned.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'
import { isOurs } from './choose.ts'
import type { IsLive } from './choose.ts'
import type { PruneContext } from './context.ts'
import type { Copies } from './copies.ts'
import type { IndexView } from './index-view.ts'
import { digestOf, STANDING } from './pack-table.ts'
import type { PackInfo } from './pack-table.ts'

interface Parts {
  readonly ctx: PruneContext
  readonly view: IndexView
  readonly copies: Copies
}

/** Notes which needed blocks of condemned packs lie in the packs that plans call their copies. */
export async function noteSameBlocks(parts: Parts, plans: readonly ListedPlan[], isLive: IsLive): Promise<void> {
  const { ctx, view } = parts
  // Who can read content compares that instead.
  if (ctx.repo.domain.dataPrivate !== undefined) return
  for (const { packs, copies } of plans) {
    const keepers = copies.flatMap((name) => view.packs.find(name) ?? [])
    const sound = keepers.filter(({ standing }) => standing === STANDING.sound)
    if (sound.length === 0) continue
    const going = [...view.present()].filter(({ name, standing }) => packs.has(name) && isOurs(standing))
    await new Comparison(parts, await areAsIndexed(ctx, sound)).compare(going, isLive)
  }
}

/** Those whose own directories say what the index says of them. */
async function areAsIndexed({ repo }: PruneContext, packs: readonly PackInfo[]): Promise<PackInfo[]> {
  const byName = new Map(packs.map((pack) => [pack.name, pack]))
  const agreed: PackInfo[] = []
  const sizes = packs.map(({ name, size }) => [name, size] as const)
  for await (const pack of readDirectories(repo.store, repo.indexSealer, sizes)) {
    const info = byName.get(pack.objectName)!
    if (info.digest === digestOf(pack, pack.sessions)) agreed.push(info)
  }
  return agreed
}

class Comparison {
  readonly #parts: Parts
  /** Blocks of the copies by length and first locator. */
  readonly #blocks = new Map<string, number[]>()

  constructor(parts: Parts, keepers: readonly PackInfo[]) {
    this.#parts = parts
    for (const { firstBlock, endBlock } of keepers) {
      for (let block = firstBlock; block < endBlock; block++) {
        const key = this.#keyOf(block)
        const known = this.#blocks.get(key)
        if (known === undefined) this.#blocks.set(key, [block])
        else known.push(block)
      }
    }
  }

  async compare(going: readonly PackInfo[], isLive: IsLive): Promise<void> {
    const alike = (block: number, pack: PackInfo) => this.#blocks.has(this.#keyOf(block)) && isLive(block, pack)
    const wanted = going.filter((pack) => blocksOf(pack).some((block) => alike(block, pack)))
    for (const pack of await areAsIndexed(this.#parts.ctx, wanted)) {
      for (const block of blocksOf(pack)) {
        this.#parts.ctx.check()
        if (!alike(block, pack)) continue
        const copy = await this.#sameAs(block)
        if (copy !== undefined) this.#parts.copies.noteCopied(block, copy)
      }
    }
  }

  async #sameAs(block: number): Promise<number | undefined> {
    const own = await this.#read(block)
    if (own === undefined) return undefined
    for (const other of this.#blocks.get(this.#keyOf(block)) ?? []) {
      const bytes = await this.#read(other)
      if (bytes === undefined) continue
      const isSame = equalBytes(own, bytes)
      releaseMemory(bytes)
      if (isSame) return other
    }
    return undefined
  }

  /** As it is sealed; undefined where it cannot be had: then nothing is known. */
  async #read(block: number): Promise<Uint8Array | undefined> {
    const { packs } = this.#parts.view
    const { name, firstBlock } = packs.packOfBlock(block)
    let offset = HEADER_SIZE
    for (let before = firstBlock; before < block; before++) offset += packs.storedLength(before)
    try {
      return await this.#parts.ctx.repo.store.get(name, { offset, length: packs.storedLength(block) })
    } catch (error) {
      if (codeOf(error) === 'not-found' || codeOf(error) === 'corrupt') return undefined
      throw error
    }
  }

  #keyOf(block: number): string {
    const { packs } = this.#parts.view
    const first = packs.firstPlace(block)
    const locs = packs.blobs.locsOf(first, first + 1)
    return `${packs.storedLength(block)} ${packs.endPlace(block) - first} ${Buffer.from(locs).toString('latin1')}`
  }
}

function blocksOf({ firstBlock, endBlock }: PackInfo): number[] {
  return Array.from({ length: endBlock - firstBlock }, (_, i) => firstBlock + i)
}
