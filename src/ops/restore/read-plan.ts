// Which parts of which packs to read, in which order: every block once, neighbours in one request. Pure.
import type { BlockPlace } from '../../repo/index/loaded-index.ts'

/** Anything that is wanted from a block. */
export interface WantedBlock {
  readonly place: BlockPlace
}

/** Blocks of one pack that are read with one request. */
export interface ReadRange<B extends WantedBlock> {
  readonly pack: string
  readonly offset: number
  readonly length: number
  /** In the order of their offsets. */
  readonly blocks: readonly B[]
}

export interface ReadLimits {
  /** Bytes that nobody wants which are read along rather than making another request. */
  readonly gapMax: number
  /** Bytes of a request, unless a single block is longer. */
  readonly lengthMax: number
}

/**
 * A request to a far store costs as much as 256 KiB on its way; from 4 MiB on requests are no cheaper by the byte, and
 * more than one is under way at a time.
 */
export const READ_LIMITS: ReadLimits = { gapMax: 256 * 1024, lengthMax: 1024 * 1024 }

/** Packs in the order in which they are first named, each read from its front to its end. */
export function planReads<B extends WantedBlock>(blocks: Iterable<B>, limits = READ_LIMITS): ReadRange<B>[] {
  const byPack = new Map<string, B[]>()
  for (const block of blocks) {
    const { objectName } = block.place.pack
    const known = byPack.get(objectName)
    if (known === undefined) byPack.set(objectName, [block])
    else known.push(block)
  }
  const ranges: ReadRange<B>[] = []
  for (const [pack, wanted] of byPack) {
    wanted.sort((a, b) => a.place.offset - b.place.offset)
    let start = 0
    for (let i = 1; i <= wanted.length; i++) {
      if (i < wanted.length && joins(wanted[start]!, wanted[i - 1]!, wanted[i]!, limits)) continue
      const offset = wanted[start]!.place.offset
      ranges.push({ pack, offset, length: endOf(wanted[i - 1]!) - offset, blocks: wanted.slice(start, i) })
      start = i
    }
  }
  return ranges
}

function joins(first: WantedBlock, previous: WantedBlock, next: WantedBlock, limits: ReadLimits): boolean {
  return next.place.offset - endOf(previous) <= limits.gapMax && endOf(next) - first.place.offset <= limits.lengthMax
}

function endOf({ place }: WantedBlock): number {
  return place.offset + place.storedLength
}
