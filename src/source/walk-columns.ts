// Steps of a walk as they pass between threads. A walk looks at a hundred thousand names in a second, so they travel as
// columns: one number for what happens, a row of numbers for each stat, all names in one text. Attributes, problems and
// what else few names have goes beside them as values.
import { assert } from '../base/assert.ts'
import { packWide, unpackWide } from '../base/wide-numbers.ts'
import { bytesOfKey } from '../posix/directory.ts'
import { FILE_KINDS, type FileStat } from '../posix/stat.ts'
import type { OtherExtras } from './attributes.ts'
import type { SourceProblem } from './problems.ts'
import type { WalkPlace } from './walk-place.ts'

/** What happens in a step: numbers in `WalkColumns.ops`. */
export const OP = { enter: 0, leave: 1, leavePartial: 2, file: 3, other: 4, problem: 5, excluded: 6 } as const

/** A stretch of the walk. `enter`, `file` and `other` have a name and a stat; `aside` is in the order of the steps. */
export interface WalkColumns {
  readonly ops: Uint8Array
  /** Keys of names (posix/directory.ts), one after the other, and where each ends. */
  readonly names: string
  readonly nameEnds: Uint32Array
  /** STAT_WIDTH numbers each. */
  readonly stats: Float64Array
  /** Of `enter` and `other` the attributes, of `problem` the problem, of `excluded` the path. */
  readonly aside: readonly (OtherExtras | SourceProblem | Uint8Array)[]
}

/** An entry that the walk has found; name and path are made each time that somebody asks for them. */
export class FoundEntry {
  /** The name with one character for each byte. */
  readonly key: string
  readonly stat: FileStat
  readonly #above: WalkPlace

  constructor(above: WalkPlace, key: string, stat: FileStat) {
    this.#above = above
    this.key = key
    this.stat = stat
  }

  /** Raw bytes; of a source, its whole path. */
  get name(): Uint8Array {
    return bytesOfKey(this.key)
  }

  /** Absolute if the source's path is. */
  get path(): Uint8Array {
    return this.#above.path(this.name)
  }
}

/** Gathers steps until `take`. */
export class WalkRecorder {
  readonly #rowsMax: number
  #ops: number[] = []
  #names = ''
  #nameEnds: number[] = []
  readonly #stats: Float64Array
  #aside: (OtherExtras | SourceProblem | Uint8Array)[] = []

  /** `rowsMax` steps may have a stat; the others are not bounded. */
  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
    this.#stats = new Float64Array(rowsMax * STAT_WIDTH)
  }

  /** Steps that are gathered. */
  get size(): number {
    return this.#ops.length
  }

  enter(key: string, stat: FileStat, extras: OtherExtras): void {
    this.#found(OP.enter, key, stat)
    this.#aside.push(extras)
  }

  leave(complete: boolean): void {
    this.#ops.push(complete ? OP.leave : OP.leavePartial)
  }

  file(key: string, stat: FileStat): void {
    this.#found(OP.file, key, stat)
  }

  other(key: string, stat: FileStat, extras: OtherExtras): void {
    this.#found(OP.other, key, stat)
    this.#aside.push(extras)
  }

  problem(problem: SourceProblem): void {
    this.#ops.push(OP.problem)
    this.#aside.push(problem)
  }

  excluded(path: Uint8Array): void {
    this.#ops.push(OP.excluded)
    this.#aside.push(path)
  }

  take(): WalkColumns {
    const columns: WalkColumns = {
      ops: Uint8Array.from(this.#ops),
      names: this.#names,
      nameEnds: Uint32Array.from(this.#nameEnds),
      stats: this.#stats.slice(0, this.#nameEnds.length * STAT_WIDTH),
      aside: this.#aside,
    }
    this.#ops = []
    this.#names = ''
    this.#nameEnds = []
    this.#aside = []
    return columns
  }

  #found(op: number, key: string, stat: FileStat): void {
    assert(this.#nameEnds.length < this.#rowsMax, 'a stretch of the walk is sent before it is full')
    packStat(stat, this.#stats, this.#nameEnds.length * STAT_WIDTH)
    this.#ops.push(op)
    this.#names += key
    this.#nameEnds.push(this.#names.length)
  }
}

/** Goes through the steps of a stretch in order. */
export class WalkColumnsReader {
  readonly #columns: WalkColumns
  #op = 0
  #name = 0
  #nameStart = 0
  #aside = 0

  constructor(columns: WalkColumns) {
    this.#columns = columns
  }

  /** One of OP; undefined at the end. What the step has is taken with the methods below, once each. */
  next(): number | undefined {
    return this.#columns.ops[this.#op++]
  }

  found(above: WalkPlace): FoundEntry {
    const { names, nameEnds, stats } = this.#columns
    const end = nameEnds[this.#name]!
    const entry = new FoundEntry(
      above,
      names.substring(this.#nameStart, end),
      unpackStat(stats, this.#name * STAT_WIDTH),
    )
    this.#name++
    this.#nameStart = end
    return entry
  }

  extras(): OtherExtras {
    return this.#columns.aside[this.#aside++] as OtherExtras
  }

  problem(): SourceProblem {
    return this.#columns.aside[this.#aside++] as SourceProblem
  }

  excluded(): Uint8Array {
    return this.#columns.aside[this.#aside++] as Uint8Array
  }
}

/** Numbers that a stat takes. Those of 64 bits are split in two halves of 32. */
const STAT_WIDTH = 22

function packStat(stat: FileStat, into: Float64Array, at: number): void {
  into[at] = FILE_KINDS.indexOf(stat.kind)
  into[at + 1] = stat.mode
  into[at + 2] = stat.uid
  into[at + 3] = stat.gid
  into[at + 4] = stat.size
  into[at + 5] = stat.mtime.sec
  into[at + 6] = stat.mtime.nsec
  into[at + 7] = stat.ctime.sec
  into[at + 8] = stat.ctime.nsec
  into[at + 9] = stat.btime?.sec ?? Number.NaN
  into[at + 10] = stat.btime?.nsec ?? 0
  packWide(stat.ino, into, at + 11)
  packWide(stat.dev, into, at + 13)
  into[at + 15] = stat.nlink
  into[at + 16] = stat.rdev.major
  into[at + 17] = stat.rdev.minor
  into[at + 18] = stat.blocks512
  packWide(stat.attributes, into, at + 19)
  into[at + 21] = stat.mountId
}

function unpackStat(from: Float64Array, at: number): FileStat {
  const birth = from[at + 9]!
  return {
    kind: FILE_KINDS[from[at]!]!,
    mode: from[at + 1]!,
    uid: from[at + 2]!,
    gid: from[at + 3]!,
    size: from[at + 4]!,
    mtime: { sec: from[at + 5]!, nsec: from[at + 6]! },
    ctime: { sec: from[at + 7]!, nsec: from[at + 8]! },
    btime: Number.isNaN(birth) ? undefined : { sec: birth, nsec: from[at + 10]! },
    ino: unpackWide(from, at + 11),
    dev: unpackDevice(from, at + 13),
    nlink: from[at + 15]!,
    rdev: from[at + 16] === 0 && from[at + 17] === 0 ? NO_DEVICE : { major: from[at + 16]!, minor: from[at + 17]! },
    blocks512: from[at + 18]!,
    attributes: from[at + 19] === 0 && from[at + 20] === 0 ? 0n : unpackWide(from, at + 19),
    mountId: from[at + 21]!,
  }
}

const NO_DEVICE = { major: 0, minor: 0 }
let lastLow = 0
let lastHigh = 0
let lastDevice = 0n

/** Neighbours are on one device, and a number like that takes memory. */
function unpackDevice(from: Float64Array, at: number): bigint {
  if (from[at] !== lastLow || from[at + 1] !== lastHigh) {
    lastLow = from[at]!
    lastHigh = from[at + 1]!
    lastDevice = unpackWide(from, at)
  }
  return lastDevice
}
