// Which packs a check reads, and what it notes of them: the next check begins with what was read longest ago.
import { fromHex } from '../../base/bytes.ts'
import { packName } from '../../format/names.ts'
import type { CheckMemory } from './check-memory.ts'
import { choosePacks } from './choose-packs.ts'
import type { PackShare } from './choose-packs.ts'
import type { CheckedIndex } from './index-check.ts'
import type { Survey } from './object-survey.ts'
import type { AttestablePack, CheckCounts, CheckOptions } from './options.ts'
import { checkPacks } from './pack-check.ts'
import type { CheckedPack, ListedPack } from './pack-check.ts'
import type { CheckProgress } from './progress.ts'

export interface PackReadingContext {
  readonly opts: CheckOptions
  readonly memory: CheckMemory
  readonly survey: Survey
  readonly counts: CheckCounts
  readonly progress: CheckProgress
  /** All packs that are there, by name. */
  readonly listed: ReadonlyMap<string, ListedPack>
  /** The index that names a pack, or whose domain opens it. */
  readonly indexOf: (name: string) => CheckedIndex | undefined
  /** Where packs are counted that open in no domain, when those cannot be of others. */
  readonly ownIndex: CheckedIndex
  /** Whether there are domains that the credential does not have. */
  readonly hasForeignDomains: boolean
  /** Gets the packs that can be attested, if the options ask for them. */
  readonly attestable: AttestablePack[]
}

export async function readPacks(ctx: PackReadingContext, wanted: PackShare): Promise<void> {
  await new PackReading(ctx).run(wanted)
}

class PackReading {
  readonly #ctx: PackReadingContext

  constructor(ctx: PackReadingContext) {
    this.#ctx = ctx
  }

  async run(wanted: PackShare): Promise<void> {
    const { listed, counts, opts, memory } = this.#ctx
    const { times } = memory
    const all = Array.from(listed, ([name, pack]) => ({ ...pack, name, readMs: times.of(name) }))
    const begunMs = memory.clock.now()
    const { lastBegunMs, firstBegunMs } = times
    const chosen = choosePacks(all, wanted, { nowMs: begunMs, lastBegunMs, firstBegunMs, rng: opts.rng })
    if (wanted.kind === 'since') counts.packsPassedOver = all.length - chosen.length
    times.keepOnly(listed.keys())
    times.lastBegunMs = begunMs
    times.firstBegunMs ??= begunMs
    await this.#read(chosen)
    // Reading parity, which comes after the packs, takes a while too.
    await memory.save()
  }

  async #read(chosen: readonly ListedPack[]): Promise<void> {
    const { survey, opts, indexOf, ownIndex, hasForeignDomains, counts, progress, memory } = this.#ctx
    const total = chosen.reduce((sum, { size }) => sum + size, 0)
    let read = 0
    const done = async (pack: ListedPack, checked: CheckedPack): Promise<void> => {
      read += pack.size
      this.#note(pack, checked)
      progress.step('reading packs', counts.packsRead, chosen.length, 'packs', read, total)
      await memory.saveNowAndThen()
    }
    const shared = { survey, threads: opts.threads, done }
    const byIndex = Map.groupBy(chosen, ({ kind, hash }) => indexOf(packName(kind, hash)))
    for (const [index, packs] of byIndex) {
      // A pack that opens in no domain is damaged where there is no other domain that it could be of.
      const mayBeForeign = index === undefined && hasForeignDomains
      await checkPacks({ ...shared, index: index ?? ownIndex, mayBeForeign }, packs)
    }
  }

  #note(pack: ListedPack, { blobs, plainBytes, opened, isSound, tables }: CheckedPack): void {
    const { counts, opts, indexOf, attestable, memory } = this.#ctx
    const name = packName(pack.kind, pack.hash)
    counts.packsRead++
    if (!opened) counts.packsHashedOnly++
    counts.blobs += blobs
    counts.bytes += plainBytes
    if (opts.attest === true && tables !== undefined) {
      const { repo } = indexOf(name)!
      attestable.push({ repo, kind: pack.kind, hash: fromHex(pack.hash)!, tables })
    }
    if (isSound) memory.times.good(name, memory.clock.now())
    else memory.times.bad(name)
  }
}
