// Decides what a prune does with each pack, from what is needed alone: reads and writes nothing.
import type { Copies } from './copies.ts'
import type { IndexView } from './index-view.ts'
import type { PackInfo, PackTable } from './pack-table.ts'
import { STANDING } from './pack-table.ts'

export interface Limits {
  /** Bytes of dead blocks that may stay, as a share of everything that is needed. */
  readonly maxUnused: number
  /** Bytes that are copied at most. */
  readonly maxRepack: number
  /** Whether packs that are far from full are merged. */
  readonly repackSmall: boolean
}

/** What is in a pack, in bytes of blocks. */
export interface PackUse {
  readonly pack: PackInfo
  readonly live: number
  readonly dead: number
}

export interface Choice {
  /** Packs without anything that is needed. */
  readonly dead: readonly PackUse[]
  /** Packs of which the live blocks are copied before they go. */
  readonly repack: readonly PackUse[]
  /** Packs that stay although no segment names them: the index has lost them. */
  readonly adopt: readonly PackUse[]
  /** All other packs that stay. */
  readonly keep: readonly PackUse[]
}

/** What is asked of an IndexView. */
export type PackView = Pick<IndexView, 'packs' | 'present' | 'isNamed'>

/** Whether something in a block is needed. */
export type IsLive = (block: number, pack: PackInfo) => boolean

export interface ChooseOptions {
  readonly isLive: IsLive
  readonly limits: Limits
  /** Bytes of a full pack of each kind. */
  readonly full: Readonly<Record<PackInfo['kind'], number>>
  /** Packs that stay whatever is in them: of backups that are under way. */
  readonly isUntouchable: (pack: PackInfo) => boolean
  /** Packs that are copied whatever is needed of them: what sealed them is to be replaced. */
  readonly isToBeSealedAnew?: (pack: PackInfo) => boolean
}

/** A pack with less than this share of a full one is small. */
const SMALL_SHARE = 1 / 2
/** Small packs are merged when they come to this share of a full one: what comes out is not small, so it happens once. */
const MERGED_SHARE = 1 / 2

/** `view` tells which packs there are; those that a plan condemns already are none of its business. */
export function choose(view: PackView, { limits, full, isUntouchable, ...opts }: ChooseOptions): Choice {
  const dead: PackUse[] = []
  const partly: PackUse[] = []
  const whole: PackUse[] = []
  const kept: PackUse[] = []
  for (const pack of view.present()) {
    if (isCondemned(pack)) continue
    const use = usesOf(view.packs, pack, opts.isLive)
    if (isUntouchable(pack)) kept.push(use)
    else if (use.live === 0) dead.push(use)
    // What cannot be read cannot be copied, and nobody would rely on the copy without keys.
    else if (pack.standing >= STANDING.closed || pack.standing === STANDING.keysCondemned) kept.push(use)
    else if (use.dead > 0 || opts.isToBeSealedAnew?.(pack) === true) partly.push(use)
    else whole.push(use)
  }
  const isWanted = (use: PackUse) => opts.isToBeSealedAnew?.(use.pack) === true
  const budget = new Budget(limits.maxRepack)
  const repack = new Set(partly.filter((use) => isWanted(use) && budget.take(use.live)))
  const needed = [...partly, ...whole, ...kept].reduce((sum, { live }) => sum + live, 0)
  let unused = [...partly, ...kept].reduce((sum, { dead: bytes }) => sum + bytes, 0)
  for (const use of repack) unused -= use.dead
  // The worst first: copying little frees much.
  for (const use of partly.toSorted((a, b) => deadShare(b) - deadShare(a))) {
    if (unused <= limits.maxUnused * needed) break
    if (repack.has(use) || !budget.take(use.live)) continue
    repack.add(use)
    unused -= use.dead
  }
  if (limits.repackSmall) {
    for (const kind of ['data', 'meta'] as const) {
      for (const use of smallPacks([...whole, ...partly], kind, full[kind], repack)) {
        if (budget.take(use.live)) repack.add(use)
      }
    }
  }
  const staying = [...whole, ...partly].filter((use) => !repack.has(use))
  const isUnnamed = ({ pack }: PackUse) => !view.isNamed(pack)
  return {
    dead,
    repack: [...repack],
    adopt: staying.filter(isUnnamed),
    keep: [...staying.filter((use) => !isUnnamed(use)), ...kept],
  }
}

export function isCondemned({ standing }: PackInfo): boolean {
  return (
    isOurs(standing) || standing === STANDING.condemnedByOthers || standing === STANDING.distrustedCondemnedByOthers
  )
}

/** Whether this prune is about to delete it. */
export function isOurs(standing: PackInfo['standing']): boolean {
  return standing === STANDING.condemned || standing === STANDING.distrustedCondemned
}

export function usesOf(packs: PackTable, pack: PackInfo, isLive: IsLive): PackUse {
  let live = 0
  let dead = 0
  for (let block = pack.firstBlock; block < pack.endBlock; block++) {
    if (isLive(block, pack)) live += packs.storedLength(block)
    else dead += packs.storedLength(block)
  }
  return { pack, live, dead }
}

/**
 * Of a blob in several packs the copy is kept that lies in the best one: sound before anything else, then in a block that stays
 * anyway, then in the pack of which most stays anyway, then in that of which most is needed. So the others become dead.
 */
export function settleCopies(packs: PackTable, copies: Copies): void {
  const staying = new Uint8Array(packs.blockCount)
  const worth = new Map(packs.packs.map((pack) => [pack, worthOf(packs, pack, staying)]))
  copies.prefer((a, b) => {
    const [one, other] = [packs.packOf(a), packs.packOf(b)]
    const difference = staying[packs.blockOf(a)]! - staying[packs.blockOf(b)]!
    if (difference !== 0) return difference > 0
    const [mine, yours] = [worth.get(one)!, worth.get(other)!]
    if (mine.only !== yours.only) return mine.only > yours.only
    if (mine.needed !== yours.needed) return mine.needed > yours.needed
    return one.name < other.name
  })
}

/**
 * Shares of a pack's blocks in which something is that lies nowhere else, and in which something is needed. Notes the former in
 * `staying`.
 */
function worthOf(
  packs: PackTable,
  { firstBlock, endBlock }: PackInfo,
  staying: Uint8Array,
): { readonly only: number; readonly needed: number } {
  const { blobs } = packs
  let [all, only, needed] = [0, 0, 0]
  for (let block = firstBlock; block < endBlock; block++) {
    const length = packs.storedLength(block)
    const end = packs.endPlace(block)
    let isNeeded = false
    for (let place = packs.firstPlace(block); place < end && staying[block] === 0; place++) {
      const isShared = blobs.isShared(place)
      if (!blobs.isNeeded(isShared ? blobs.countingPlace(place) : place)) continue
      isNeeded = true
      if (!isShared) staying[block] = 1
    }
    all += length
    if (isNeeded) needed += length
    if (staying[block] === 1) only += length
  }
  return { only: all === 0 ? 0 : only / all, needed: all === 0 ? 0 : needed / all }
}

function smallPacks(
  uses: readonly PackUse[],
  kind: PackInfo['kind'],
  full: number,
  chosen: ReadonlySet<PackUse>,
): readonly PackUse[] {
  const small = uses.filter((use) => use.pack.kind === kind && use.pack.size < full * SMALL_SHARE && !chosen.has(use))
  const sum = small.reduce((bytes, { live }) => bytes + live, 0)
  return small.length > 1 && sum >= full * MERGED_SHARE ? small : []
}

function deadShare({ live, dead }: PackUse): number {
  return dead / (live + dead)
}

/** Bytes that may be copied. */
class Budget {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }
}

/** Packs are copied and planned by so much that is needed of them at a time, in bytes. */
const BATCH_BYTES = 2 * 1024 ** 3

export function* batchesOf(uses: readonly PackUse[]): Generator<readonly PackUse[]> {
  let batch: PackUse[] = []
  let bytes = 0
  for (const use of uses) {
    batch.push(use)
    bytes += use.live
    if (bytes < BATCH_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
