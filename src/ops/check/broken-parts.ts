// What cannot be read any more, in the terms in which trees refer to it.
import { toHex } from '../../base/bytes.ts'
import type { BlobLocation } from '../../repo/index/loaded-index.ts'
import type { DamageRecord } from './damage.ts'

export class BrokenParts {
  /** Blobs by ref, hex: nodes, lists and pieces of files that are in no pack, or were found damaged as they were read. */
  readonly refs = new Map<string, DamageRecord>()
  /** Blobs by pack and locator, hex: another pack may have the same blob whole. */
  readonly locs = new Map<string, DamageRecord>()
  /** Blocks by their number in the index. */
  readonly blocks = new Map<number, DamageRecord>()
  /** Packs by name. */
  readonly packs = new Map<string, DamageRecord>()
  /** Sessions by id, hex, whose keys are lost. */
  readonly sessions = new Map<string, DamageRecord>()

  get any(): boolean {
    return [this.refs, this.locs, this.blocks, this.packs, this.sessions].some(({ size }) => size > 0)
  }

  /** The damage that keeps a blob from being read. */
  of(ref: Uint8Array, loc: Uint8Array, location: BlobLocation | undefined): DamageRecord | undefined {
    const byRef = this.refs.get(toHex(ref))
    if (byRef !== undefined || location === undefined) return byRef
    const { block } = location
    return (
      this.packs.get(block.pack.objectName) ??
      this.blocks.get(block.number) ??
      this.sessions.get(toHex(block.sid)) ??
      (this.locs.size === 0 ? undefined : this.locs.get(locKey(block.pack.objectName, toHex(loc))))
    )
  }
}

/** Of a locator, hex, in a pack. */
export function locKey(pack: string, loc: string): string {
  return `${pack} ${loc}`
}
