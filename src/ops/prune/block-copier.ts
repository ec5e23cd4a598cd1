// Copies live blocks out of packs into new ones: sealed as they are, so that no key of their content is needed, or sealed anew. A
// pack is read whole and compared with its name first, so that damage is never given a new name.
import { releaseMemory } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { countBlobs } from '../../format/block-table.ts'
import { SEGMENT_BLOBS_MAX } from '../../format/index-segment.ts'
import type { PackKind } from '../../format/names.ts'
import { keptPacks } from '../../repo/packs/adopted-packs.ts'
import { returnFreeMemory } from '../../posix/allocator.ts'
import { PackAssembler } from '../../repo/packs/pack-assembler.ts'
import type { FinishedPack, PackableBlock } from '../../repo/packs/pack-assembler.ts'
import { fullPackSize } from '../../repo/packs/pack-layout.ts'
import { isAsNamed } from '../../repo/objects/named-object.ts'
import { parityMakerOf } from '../../repo/objects/parity-maker.ts'
import { storePack } from '../../repo/packs/store-pack.ts'
import { readUnindexed } from '../../repo/packs/unindexed-packs.ts'
import type { UnindexedPack } from '../../repo/packs/unindexed-packs.ts'
import type { IsLive } from './choose.ts'
import type { PruneContext } from './context.ts'
import type { Copies } from './copies.ts'
import type { IndexView } from './index-view.ts'
import type { IndexWriter } from './index-writer.ts'
import { digestOf } from './pack-table.ts'
import type { PackInfo } from './pack-table.ts'
import type { SealingAnew } from './sealing-anew.ts'

/** New packs that wait for the index: what is copied until somebody ends the run is used by the next one. */
export const UNNAMED_MAX = 64
/** Blobs in them: 28 bytes each. */
const UNNAMED_BLOBS_MAX = 4 * SEGMENT_BLOBS_MAX

/** Bytes of packs that are in memory at once, unless it is a single one. */
const READ_AHEAD_MAX = 16 * 1024 * 1024

export interface CopyResult {
  /** Packs of which everything live is in new packs, which the index names. */
  readonly copied: readonly PackInfo[]
  /** Packs that are damaged, or gone, or not what the index says. */
  readonly unreadable: readonly PackInfo[]
  /** Names of those that were made. */
  readonly newPacks: readonly string[]
}

export interface CopyOptions {
  /** Seals anew what is in packs under older keys. */
  readonly anew?: SealingAnew | undefined
  readonly onPack?: (pack: PackInfo) => void
}

interface WholePack {
  readonly info: PackInfo
  readonly read: { readonly pack: UnindexedPack; readonly bytes: Uint8Array } | undefined
}

export class BlockCopier {
  readonly #ctx: PruneContext
  readonly #view: IndexView
  readonly #index: IndexWriter
  readonly #copies: Copies
  #unnamed: FinishedPack[] = []
  #anew: SealingAnew | undefined
  /** By the locators of a copied block, which are the assembler's own, the block that it was copied from. */
  readonly #sources = new Map<Uint8Array, number>()
  #unnamedBlobs = 0
  /** Names of all packs that were put. */
  readonly #made: string[] = []
  /** Bytes of packs, of the new ones too. */
  readBytes = 0
  /** Bytes of new packs and of their parity. */
  writtenBytes = 0

  get newPacks(): number {
    return this.#made.length
  }

  constructor(
    ctx: PruneContext,
    parts: { readonly view: IndexView; readonly index: IndexWriter; readonly copies: Copies },
  ) {
    this.#ctx = ctx
    this.#view = parts.view
    this.#index = parts.index
    this.#copies = parts.copies
  }

  /**
   * Ends early when the prune is to stop. Throws what the store throws; what was copied until then is named by the index as far
   * as that is possible.
   */
  async copy(
    packs: readonly PackInfo[],
    isLive: IsLive,
    { anew, onPack = () => {} }: CopyOptions = {},
  ): Promise<CopyResult> {
    this.#anew = anew
    const copied: PackInfo[] = []
    const unreadable: PackInfo[] = []
    const made = this.#made.length
    for (const kind of ['meta', 'data'] as const) {
      const assembler = this.#assembler(kind)
      try {
        for await (const whole of this.#readAhead(packs.filter((pack) => pack.kind === kind))) {
          if (this.#isStopped()) break
          if (await this.#copyPack(whole, assembler, isLive)) copied.push(whole.info)
          else unreadable.push(whole.info)
          if (whole.read !== undefined) releaseMemory(whole.read.bytes)
          onPack(whole.info)
        }
        for (const pack of assembler.finish()) await this.#put(pack)
      } catch (error) {
        await assembler.discard()
        await this.#name().catch(() => {}) // the first error is the one to tell
        throw error
      }
    }
    await this.#name()
    return { copied, unreadable, newPacks: this.#made.slice(made) }
  }

  /** Names packs again that the index has lost, and that are what it was thought that they are. Gives their number. */
  async adopt(packs: readonly PackInfo[]): Promise<number> {
    const adopted: UnindexedPack[] = []
    for await (const pack of keptPacks(this.#ctx.repo, this.#namesOf(packs))) {
      this.readBytes += pack.size
      if (this.#isAsIndexed(this.#view.packs.find(pack.objectName)!, pack)) adopted.push(pack)
    }
    await this.#index.name(adopted)
    for (const pack of adopted) this.#view.note(pack)
    return adopted.length
  }

  async *#namesOf(packs: readonly PackInfo[]): AsyncGenerator<string> {
    for (const { name } of packs) {
      this.#ctx.check()
      yield name
    }
  }

  #isStopped(): boolean {
    try {
      this.#ctx.check()
      return false
    } catch {
      return true
    }
  }

  #assembler(kind: PackKind): PackAssembler {
    const { repo, random } = this.#ctx
    return new PackAssembler({
      kind,
      packSize: fullPackSize(repo, kind),
      sealer: repo.indexSealer,
      suite: repo.suite,
      random,
      stage: repo.store.stage?.bind(repo.store),
    })
  }

  /** A small pack is read while the one before it is copied. */
  async *#readAhead(packs: readonly PackInfo[]): AsyncGenerator<WholePack> {
    let next: Promise<WholePack> | undefined
    for (const [i, info] of packs.entries()) {
      const current = next ?? this.#read(info)
      const following = packs[i + 1]
      const isNear = following !== undefined && following.size + info.size <= READ_AHEAD_MAX
      next = isNear ? this.#read(following) : undefined
      next?.catch(() => {})
      yield await current
    }
  }

  async #read(info: PackInfo): Promise<WholePack> {
    const { repo } = this.#ctx
    const read = await readUnindexed(repo.store, repo.indexSealer, info.name)
    this.readBytes += read?.bytes.length ?? 0
    return { info, read }
  }

  /** False when the pack is not what the index says. */
  async #copyPack({ info, read }: WholePack, assembler: PackAssembler, isLive: IsLive): Promise<boolean> {
    if (read === undefined || !this.#isAsIndexed(info, read.pack)) return false
    const live = [...read.pack.blocks.entries()].filter(([i]) => isLive(info.firstBlock + i, info))
    const chosen = live.map(([, block]) => block)
    const anew = info.isUnderOlderKeys ? this.#anew : undefined
    const blocks = anew === undefined ? asTheyAre(read, chosen) : await anew.blocks(read.pack, read.bytes, chosen)
    if (blocks === undefined) return false
    let copied = 0
    for (const block of blocks) {
      this.#sources.set(block.locs, info.firstBlock + live[copied++]![0])
      for (const pack of assembler.add(block)) await this.#put(pack)
      for (const { staged, parts } of assembler.spill()) {
        await staged.append(parts)
        for (const part of parts) releaseMemory(part)
      }
    }
    return true
  }

  #isAsIndexed({ digest }: PackInfo, pack: UnindexedPack): boolean {
    return digestOf(pack, pack.sessions) === digest
  }

  /** Stores a pack and reads it back before anything relies on it. */
  async #put(pack: FinishedPack): Promise<void> {
    const { repo } = this.#ctx
    await doing('storing a pack', pack.objectName, async () => {
      await storePack(repo.store, pack)
      for (const part of pack.parts) releaseMemory(part)
      if (await this.#isThere(pack)) return
      throw new BackupError('corrupt', 'what is there is not what was stored', pack.objectName, {
        hint: 'nothing was deleted; the store or the way to it is not to be trusted',
      })
    })
    this.#made.push(pack.objectName)
    this.#unnamed.push({ ...pack, parts: [], staged: undefined })
    this.#unnamedBlobs += countBlobs(pack.blocks)
    if (this.#unnamed.length >= UNNAMED_MAX || this.#unnamedBlobs >= UNNAMED_BLOBS_MAX) await this.#name()
  }

  /** Whether a pack can be read as it was put; makes parity of what was read. */
  async #isThere({ objectName, size }: FinishedPack): Promise<boolean> {
    const { repo } = this.#ctx
    this.readBytes += size
    this.writtenBytes += size
    // Without parity nobody needs all of it at once.
    if (repo.description.parity === undefined) return isAsNamed(repo.store, objectName, size)
    const there = await readUnindexed(repo.store, repo.indexSealer, objectName)
    if (there?.pack.size !== size) return false
    const parity = parityMakerOf(repo)
    parity.ofBytes(objectName, there.bytes)
    await parity.finish() // what could not be made a repair makes
    this.writtenBytes += parity.storedBytes
    releaseMemory(there.bytes)
    return true
  }

  async #name(): Promise<void> {
    returnFreeMemory()
    const unnamed = this.#unnamed
    this.#unnamed = []
    this.#unnamedBlobs = 0
    await this.#anew?.checkNotFenced()
    await this.#index.name(unnamed)
    for (const pack of unnamed) {
      const info = this.#view.note(pack)
      for (const [i, { locs }] of pack.blocks.entries()) {
        if (info !== undefined) this.#copies.noteCopied(this.#sources.get(locs)!, info.firstBlock + i)
        this.#sources.delete(locs)
      }
    }
  }
}

function* asTheyAre(
  { pack, bytes }: { readonly pack: UnindexedPack; readonly bytes: Uint8Array },
  chosen: UnindexedPack['blocks'],
): Generator<PackableBlock> {
  for (const { offset, storedLength, plainLength, codec, session, locs, lengths } of chosen) {
    yield {
      // A copy: a view would keep the whole pack in memory until the new one is full.
      sealed: bytes.slice(offset, offset + storedLength),
      plainLength,
      codec,
      locs: locs.slice(),
      lengths: lengths.slice(),
      sid: pack.sessions[session]!.slice(),
    }
  }
}
