// What the protocol of deletion (docs/format.md, section 10) is about, as small as it can be and still go wrong: two
// chunks, seven packs, four snapshots. Sets are numbers, a bit for each member.
import type { Bits } from './bits.ts'
import type { ModelState } from './explore.ts'

/** Packs that may be there from the start: A and B in the index, C left behind by a dead session and in none. */
export const A = 1
export const B = 2
export const C = 4
/** What a writer puts, and what a pruner copies together. */
export const packOfWriter = (i: number): number => 8 << i
export const packOfPruner = (j: number): number => 32 << j
const PACKS = 7

/** Chunks: the first is in A and in B, the second in A and in C. */
export const BOTH = 3
const CONTENT: Readonly<Record<number, number>> = { [A]: 3, [B]: 1, [C]: 2 }

/** Snapshots from the start, which need both chunks and the first, and those that writers make. */
export const OLD = 1
export const KEPT = 2
export const snapshotOfWriter = (i: number): number => 4 << i
export const NEEDS: Readonly<Record<number, number>> = { [OLD]: BOTH, [KEPT]: 1 }

/** Sessions: those of writers and that of the repairer. */
export const sessionOfWriter = (i: number): number => 1 << i
export const SESSION_OF_REPAIRER = 4
/** Key objects: of the sessions that made A, B and C, and of each writer. */
export const OLD_KEYS = 1
export const keysOfWriter = (i: number): number => 2 << i

/** Who takes part and what may happen; everybody works once. */
export interface Setting {
  /** Chunks that each writer backs up. */
  readonly writers: readonly number[]
  readonly pruners: number
  readonly repairer?: boolean
  /** Packs and snapshots at the start. */
  readonly packs: number
  readonly snapshots: number
  /** Snapshots that somebody forgets at some moment. */
  readonly forgotten: number
  /** Pruners copy what is alive in packs that they condemn. */
  readonly copying?: boolean
  /** Key objects are deleted too. */
  readonly keys?: boolean
  /** What somebody reads may be as it was before a change, until whoever made the change has waited. */
  readonly lag?: boolean
  /** A deletion may be carried out again at any later time. */
  readonly late?: boolean
  /** A plan that somebody left behind, who died: what it condemns. The pruners are about to carry it out. */
  readonly leftPlan?: number
  /** Chunks that the last pruner has read, to copy them, out of a pack of an old session that is gone since. */
  readonly inHand?: number
  /** The first writer has succeeded before, and who has read something goes on with another prune. */
  readonly before?: boolean
  /** Packs in a plan at most; any number if absent. */
  readonly doomedMax?: number
}

interface Waiting {
  /** What shows when it has waited long enough. */
  settling: number
}

/** A session that relies on packs: what it has seen on its way. */
export interface Reader extends Waiting {
  at: number
  condemned: number
  condemnedKeys: number
  indexed: number
  present: number
}

export interface Pruner extends Waiting {
  at: number
  /** Which plans it carries out. */
  carried: number
  /** Chunks that snapshots need. */
  live: number
  /** What other plans condemn. */
  others: number
  otherKeys: number
  indexed: number
  present: number
  doomed: number
  doomedKeys: number
  /** Sessions that it waits for. */
  waiting: number
}

export class DeletionState implements ModelState {
  readonly setting: Setting
  packs: number
  index: number
  /** Chunks in the packs that are made meanwhile, writers' first; keys that are needed for those of pruners. */
  readonly made = [0, 0, 0, 0]
  readonly madeKeys = [0, 0]
  intents = 0
  snapshots: number
  keys: number
  /** Which plans are there, and what they condemn. */
  plans = 0
  readonly planned = [0, 0]
  readonly plannedKeys = [0, 0]
  /** Packs of which a deletion may come again. */
  late = 0
  /** What may still be read as it was before its last change, by the places of LISTED. */
  unsettled = 0
  readonly writers: Reader[]
  readonly repairers: Reader[]
  readonly pruners: Pruner[]

  constructor(setting: Setting) {
    this.setting = setting
    this.packs = setting.packs
    this.index = setting.packs & ~C
    this.snapshots = setting.snapshots
    this.keys = OLD_KEYS
    if (setting.leftPlan !== undefined) {
      this.plans = 1
      this.planned[0] = setting.leftPlan
    }
    this.writers = setting.writers.map(newReader)
    this.repairers = setting.repairer === true ? [newReader()] : []
    this.pruners = Array.from({ length: setting.pruners }, newPruner)
  }

  visit(bits: Bits): void {
    const { setting, made, madeKeys, planned, plannedKeys } = this
    this.packs = bits.field(this.packs, PACKS)
    this.index = bits.field(this.index, PACKS)
    this.snapshots = bits.field(this.snapshots, 4)
    this.intents = bits.field(this.intents, 3)
    for (const i of setting.writers.keys()) made[i] = bits.field(made[i]!, 2)
    if (setting.keys === true) this.keys = bits.field(this.keys, 3)
    if (setting.late === true) this.late = bits.field(this.late, PACKS)
    this.plans = bits.field(this.plans, 2)
    for (const j of this.pruners.keys()) {
      planned[j] = bits.field(planned[j]!, PACKS)
      if (setting.copying === true) made[2 + j] = bits.field(made[2 + j]!, 2)
      if (setting.keys !== true) continue
      madeKeys[j] = bits.field(madeKeys[j]!, 3)
      plannedKeys[j] = bits.field(plannedKeys[j]!, 3)
    }
    if (setting.lag === true) this.unsettled = bits.field(this.unsettled, LISTED_BITS)
    for (const reader of this.writers) visitReader(reader, setting, bits)
    for (const reader of this.repairers) visitReader(reader, setting, bits)
    for (const pruner of this.pruners) visitPruner(pruner, setting, bits)
  }

  /** Chunks in a set of packs. */
  chunksIn(packs: number): number {
    let chunks = 0
    for (let bit = 1; bit <= packs; bit <<= 1) if ((packs & bit) !== 0) chunks |= this.contentOf(bit)
    return chunks
  }

  contentOf(pack: number): number {
    return CONTENT[pack] ?? this.made[Math.log2(pack) - 3]!
  }

  /** Key objects that are needed to open a set of packs. */
  keysFor(packs: number): number {
    let keys = 0
    for (let bit = 1; bit <= packs; bit <<= 1) {
      if ((packs & bit) === 0) continue
      const number = Math.log2(bit) - 3
      keys |= number < 0 ? OLD_KEYS : number < 2 ? keysOfWriter(number) : this.madeKeys[number - 2]!
    }
    return keys
  }

  /** Those of `packs` that can be opened with some keys. */
  openable(packs: number, keys: number = this.keys): number {
    if (this.setting.keys !== true) return packs
    let open = 0
    for (let bit = 1; bit <= packs; bit <<= 1) {
      if ((packs & bit) !== 0 && (this.keysFor(bit) & ~keys) === 0) open |= bit
    }
    return open
  }

  /** What plans condemn, but for some of them. */
  condemnedBut(some: number, plans: number = this.plans): { readonly packs: number; readonly keys: number } {
    let packs = 0
    let keys = 0
    for (const j of this.pruners.keys()) {
      if ((plans & ~some & (1 << j)) === 0) continue
      packs |= this.planned[j]!
      keys |= this.plannedKeys[j]!
    }
    return { packs, keys }
  }

  /** Makes a change to something that others list. */
  change(what: Listed, to: number): void {
    if (this.setting.lag === true) {
      const changed = (this[what] ^ to) << LISTED[what]
      this.unsettled |= changed
      for (const process of [...this.writers, ...this.repairers, ...this.pruners]) process.settling &= ~changed
    }
    this[what] = to
  }

  /** Somebody begins to wait until everything that has changed so far shows. */
  beginToWait(process: Waiting): void {
    process.settling = this.unsettled
  }

  /** It has waited for so long. */
  endOfWait(process: Waiting): void {
    this.unsettled &= ~process.settling
    process.settling = 0
  }

  /** Every state of something that somebody who looks now may see. */
  *seen(what: Listed): Generator<number> {
    const unsettled = (this.unsettled >>> LISTED[what]) & ((1 << WIDTHS[what]) - 1)
    for (let old = unsettled; old > 0; old = (old - 1) & unsettled) yield this[what] ^ old
    yield this[what]
  }
}

/** What is listed, and its place among the bits of what is unsettled. */
const WIDTHS = { packs: PACKS, index: PACKS, intents: 3, snapshots: 4, plans: 2 }
const LISTED = { packs: 0, index: PACKS, intents: 14, snapshots: 17, plans: 21 }
const LISTED_BITS = 23
type Listed = keyof typeof LISTED

function newReader(): Reader {
  return { at: 0, settling: 0, condemned: 0, condemnedKeys: 0, indexed: 0, present: 0 }
}

function newPruner(): Pruner {
  return {
    at: 0,
    settling: 0,
    carried: 0,
    live: 0,
    others: 0,
    otherKeys: 0,
    indexed: 0,
    present: 0,
    doomed: 0,
    doomedKeys: 0,
    waiting: 0,
  }
}

function visitReader(reader: Reader, { keys, lag }: Setting, bits: Bits): void {
  reader.at = bits.field(reader.at, 4)
  if (lag === true) reader.settling = bits.field(reader.settling, LISTED_BITS)
  reader.condemned = bits.field(reader.condemned, PACKS)
  reader.indexed = bits.field(reader.indexed, PACKS)
  reader.present = bits.field(reader.present, PACKS)
  if (keys === true) reader.condemnedKeys = bits.field(reader.condemnedKeys, 3)
}

function visitPruner(pruner: Pruner, { keys, lag }: Setting, bits: Bits): void {
  pruner.at = bits.field(pruner.at, 5)
  if (lag === true) pruner.settling = bits.field(pruner.settling, LISTED_BITS)
  pruner.carried = bits.field(pruner.carried, 2)
  pruner.live = bits.field(pruner.live, 2)
  pruner.others = bits.field(pruner.others, PACKS)
  pruner.indexed = bits.field(pruner.indexed, PACKS)
  pruner.present = bits.field(pruner.present, PACKS)
  pruner.doomed = bits.field(pruner.doomed, PACKS)
  pruner.waiting = bits.field(pruner.waiting, 3)
  if (keys !== true) return
  pruner.otherKeys = bits.field(pruner.otherKeys, 3)
  pruner.doomedKeys = bits.field(pruner.doomedKeys, 3)
}
