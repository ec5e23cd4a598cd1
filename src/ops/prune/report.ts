// Counts what a prune found and did, in one domain and in all.
import type { BlockCopier } from './block-copier.ts'
import type { Removal } from './carry-out.ts'
import type { Choice } from './choose.ts'
import type { Forecast } from './forecast.ts'
import type { IndexWriter } from './index-writer.ts'
import { OlderPacks } from './older-packs.ts'
import type { PruneCounts, PruneReport, Reencryption, WaitingPlan } from './options.ts'

export class DomainResult {
  snapshots = 0
  inTrash = 0
  nodes = 0
  adopted = 0
  fenced = 0
  sessionsCleared = 0
  packsUnopened = 0
  dryRun = false
  waiting: readonly WaitingPlan[] = []
  readonly unreadable: string[] = []
  readonly removal: Removal = { packs: 0, bytes: 0, keys: 0 }
  choice: Choice = { dead: [], repack: [], adopt: [], keep: [] }
  forecast: Forecast = { newPacks: 0, readBytes: 0, writtenBytes: 0, puts: 0, deletes: 0 }
  /** What is found under older keys, where somebody asks. */
  older: OlderPacks | undefined
  readBytes = 0
  writtenBytes = 0
  newPacks = 0
  segmentsWritten = 0
  segmentsDeleted = 0
  missing = 0

  /** What a dry run says would be done. */
  foresee(choice: Choice, forecast: Forecast): void {
    this.choice = choice
    this.forecast = forecast
    this.older?.foresee(choice)
  }

  /** What was done. */
  note(index: IndexWriter, copier: BlockCopier): void {
    this.readBytes = copier.readBytes
    this.writtenBytes = copier.writtenBytes
    this.newPacks = copier.newPacks
    this.segmentsWritten = index.written
    this.segmentsDeleted = index.deleted
  }

  get counts(): PruneCounts {
    const { dead, repack, adopt, keep } = this.choice
    const all = [...dead, ...repack, ...adopt, ...keep]
    return {
      snapshots: this.snapshots,
      inTrash: this.inTrash,
      nodes: this.nodes,
      packs: all.length,
      packBytes: sumOf(all, ({ pack }) => pack.size),
      neededBytes: sumOf(all, ({ live }) => live),
      packsDead: dead.length,
      deadBytes: sumOf(dead, ({ pack }) => pack.size),
      packsRepacked: repack.length,
      copiedBytes: sumOf(repack, ({ live }) => live),
      repackDeadBytes: sumOf(repack, (use) => use.dead),
      packsAdopted: adopt.length,
      unusedBytes: sumOf([...adopt, ...keep], (use) => use.dead),
      missing: this.missing,
    }
  }
}

export function reportOf(results: readonly DomainResult[]): PruneReport {
  const sum = (value: (result: DomainResult) => number) => sumOf(results, value)
  const total = results.map(({ counts }) => counts).reduce(together)
  const dryRun = results[0]!.dryRun
  return {
    dryRun,
    counts: total,
    packsDeleted: sum(({ removal }) => removal.packs),
    bytesDeleted: sum(({ removal }) => removal.bytes),
    newPacks: sum((result) => (dryRun ? result.forecast : result).newPacks),
    readBytes: sum((result) => (dryRun ? result.forecast : result).readBytes),
    writtenBytes: sum((result) => (dryRun ? result.forecast : result).writtenBytes),
    puts: sum(({ forecast }) => forecast.puts),
    deletes: sum(({ forecast }) => forecast.deletes),
    packsUnopened: sum(({ packsUnopened }) => packsUnopened),
    packsUnreadable: results.flatMap(({ unreadable }) => unreadable),
    segmentsWritten: sum(({ segmentsWritten }) => segmentsWritten),
    segmentsDeleted: sum(({ segmentsDeleted }) => segmentsDeleted),
    sessionsFenced: sum(({ fenced }) => fenced),
    sessionsCleared: sum(({ sessionsCleared }) => sessionsCleared),
    keysCleared: sum(({ removal }) => removal.keys),
    reencryption: reencryptionOf(results),
    waiting: results.flatMap(({ waiting }) => waiting),
  }
}

function reencryptionOf(results: readonly DomainResult[]): Reencryption | undefined {
  const [first, ...others] = results.flatMap(({ older }) => (older === undefined ? [] : [older.report]))
  return first === undefined ? undefined : others.reduce(sealedAnew, first)
}

/** Of two domains. */
function together(one: PruneCounts, other: PruneCounts): PruneCounts {
  return {
    // Snapshots are listed once, whatever the domains.
    snapshots: one.snapshots,
    inTrash: one.inTrash,
    nodes: one.nodes + other.nodes,
    packs: one.packs + other.packs,
    packBytes: one.packBytes + other.packBytes,
    neededBytes: one.neededBytes + other.neededBytes,
    packsDead: one.packsDead + other.packsDead,
    deadBytes: one.deadBytes + other.deadBytes,
    packsRepacked: one.packsRepacked + other.packsRepacked,
    copiedBytes: one.copiedBytes + other.copiedBytes,
    repackDeadBytes: one.repackDeadBytes + other.repackDeadBytes,
    packsAdopted: one.packsAdopted + other.packsAdopted,
    unusedBytes: one.unusedBytes + other.unusedBytes,
    missing: one.missing + other.missing,
  }
}

/** Of two domains. */
function sealedAnew(one: Reencryption, other: Reencryption): Reencryption {
  return {
    packs: one.packs + other.packs,
    bytes: one.bytes + other.bytes,
    packsDone: one.packsDone + other.packsDone,
    bytesDone: one.bytesDone + other.bytesDone,
    packsLeft: one.packsLeft + other.packsLeft,
    bytesLeft: one.bytesLeft + other.bytesLeft,
    snapshots: one.snapshots + other.snapshots,
  }
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}
