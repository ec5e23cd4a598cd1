// Content of a made repository: packs of the shapes that backups give them, and the trees that name what is in them. Nine blobs
// of ten are small files in bundles of 200, 75 bundles to a pack; the others are chunks, 31 to a pack.
import { assert } from '../../src/base/assert.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { secureRandom } from '../../src/base/random.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import type { Entry, Subtree } from '../../src/format/entry-model.ts'
import type { Extent } from '../../src/format/extent.ts'
import { SEALED_TYPES } from '../../src/format/object-header.ts'
import { encodeBlock } from '../../src/repo/packs/block-codec.ts'
import { bundleTargetFor } from '../../src/repo/packs/bundle-target.ts'
import { MetaSink } from '../../src/repo/packs/meta-sink.ts'
import type { MetaBundle } from '../../src/repo/packs/meta-sink.ts'
import { PackAssembler } from '../../src/repo/packs/pack-assembler.ts'
import type { FinishedPack, PackableBlock } from '../../src/repo/packs/pack-assembler.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { TreeBuilder } from '../../src/repo/trees/tree-builder.ts'
import type { SessionSecrets } from '../../src/repo/declared-session.ts'
import type { WriteSession } from '../../src/repo/write-session.ts'

const BUNDLES = 75
const BUNDLE_BLOBS = 200
const BUNDLE_PACKS = 4
const CHUNKS = 31
const CHUNK_PACKS = 179
/** Blobs that are made at a time: about as many as a segment has. */
export const UNIT_BLOBS = BUNDLE_PACKS * BUNDLES * BUNDLE_BLOBS + CHUNK_PACKS * CHUNKS
const SMALL_BLOB = 8
/** Of the packs that are as large as real ones. */
const FULL_BLOB = 1_000_000
const FOLDER_FILES = 60
/** Of so many packs the first is needed by nobody. */
const FATES = 8
/** Of so many packs of bundles one is needed in part: every second block. So are the packs that are as large as real ones. */
const HALF_OF = 3

/** Blobs of a block, by number, with their sizes. */
interface Blob {
  readonly number: number
  readonly length: number
}

export class MadeContent {
  readonly #repo: Repository
  readonly #session: WriteSession
  readonly #secrets: SessionSecrets
  readonly #sink: MetaSink
  readonly #trees: TreeBuilder
  readonly #metaPacks: FinishedPack[] = []
  #fullPacks: number
  #packs = 0
  /** Files that are not yet in a folder, and folders: of what a snapshot has, and of what none has any more. */
  readonly #live = new Folders()
  readonly #dead = new Folders()
  blobs = 0
  needed = 0

  constructor(repo: Repository, session: WriteSession, secrets: SessionSecrets, fullPacks: number) {
    this.#repo = repo
    this.#session = session
    this.#secrets = secrets
    this.#fullPacks = fullPacks
    const sealer = repo.sealerOf(secrets.meta)
    this.#sink = new MetaSink({
      keys: repo.blobKeys,
      index: session.index.blobs,
      bundleTarget: bundleTargetFor('meta', repo.description.packSize),
      submit: ({ plain, locs, lengths }: MetaBundle) => {
        const block = encodeBlock(sealer, SEALED_TYPES.metaBlock, plain, { name: 'zstd', level: 1 })
        this.#metaPacks.push(...session.meta.add({ ...block, plainLength: plain.length, locs, lengths }))
      },
    })
    this.#trees = new TreeBuilder(repo.blobKeys, this.#sink)
  }

  /** Adds UNIT_BLOBS blobs; those of two numbers are different. */
  async addUnit(unit: number): Promise<void> {
    const first = unit * UNIT_BLOBS
    for (let pack = 0; pack < BUNDLE_PACKS; pack++) {
      const bundles = Array.from({ length: BUNDLES }, (_, i): Blob[] => {
        // What somebody else stores at the same time is there twice.
        const block = pack > 0 && i === 0 ? (pack - 1) * BUNDLES + 1 : pack * BUNDLES + i
        const from = first + block * BUNDLE_BLOBS
        return Array.from({ length: BUNDLE_BLOBS }, (_, n) => ({ number: from + n, length: SMALL_BLOB }))
      })
      const part = pack % HALF_OF === 1 ? 'half' : 'all'
      await this.#pack(bundles, part, (extents) => {
        for (const [n, extent] of extents.entries()) this.#file(`${first}-${pack}-${n}`, [extent[0]], extent[1])
      })
    }
    const chunks = first + BUNDLE_PACKS * BUNDLES * BUNDLE_BLOBS
    for (let pack = 0; pack < CHUNK_PACKS; pack++) {
      const isFull = this.#packs % FATES !== 0 && this.#fullPacks-- > 0
      const length = isFull ? FULL_BLOB : SMALL_BLOB
      const blocks = Array.from({ length: CHUNKS }, (_, n): Blob[] => [{ number: chunks + pack * CHUNKS + n, length }])
      await this.#pack(blocks, isFull ? 'half' : 'all', (extents) => {
        for (const isLive of [true, false]) {
          const some = extents.flatMap(([extent, live]) => (live === isLive ? [extent] : []))
          if (some.length > 0) this.#file(`${chunks}-${pack}-large`, some, isLive)
        }
      })
    }
    await this.#putMeta(this.#metaPacks)
  }

  /** The folder with everything that was added and is needed. */
  async finish(name: string): Promise<Entry> {
    const folders = [this.#live, this.#dead].map((each) => {
      each.close(this.#trees)
      return this.#trees.directory(each.folders.sort((a, b) => Buffer.compare(a.name, b.name)))
    })
    return folder(name, folders[0]!)
  }

  /** The root of a snapshot with these folders; nothing more can be added. */
  async root(folders: readonly Entry[]): Promise<Subtree> {
    const root = this.#trees.directory([folder('/made', this.#trees.directory(folders))], true)
    this.#sink.flush()
    await this.#putMeta([...this.#metaPacks, ...this.#session.meta.finish()])
    await this.#session.finishIndex()
    return root
  }

  async #putMeta(packs: readonly FinishedPack[]): Promise<void> {
    for (const pack of packs) await this.#session.putPack(pack)
    this.#metaPacks.length = 0
  }

  /** Puts a pack of these blocks; `done` gets an extent of each blob and whether it is needed. */
  async #pack(
    blocks: readonly (readonly Blob[])[],
    part: 'half' | 'all',
    done: (extents: [Extent, boolean][]) => void,
  ): Promise<void> {
    const isDead = this.#packs++ % FATES === 0
    const { indexSealer: sealer, description } = this.#repo
    const { suite, packSize } = description
    const assembler = new PackAssembler({
      kind: 'data',
      packSize,
      sealer,
      suite,
      sid: this.#secrets.sid,
      random: secureRandom,
    })
    const extents: [Extent, boolean][] = []
    for (const [i, blobs] of blocks.entries()) {
      const isLive = !isDead && (part === 'all' || i % 2 === 0)
      const { block, refs } = this.#block(blobs)
      assert(assembler.add(block).length === 0, 'they fit a pack')
      for (const [n, ref] of refs.entries()) extents.push([{ length: blobs[n]!.length, ref }, isLive])
      this.blobs += blobs.length
      if (isLive) this.needed += blobs.length
    }
    for (const pack of assembler.finish()) await this.#session.putPack(pack)
    done(extents)
  }

  #block(blobs: readonly Blob[]): { readonly block: PackableBlock; readonly refs: Uint8Array[] } {
    const { blobKeys } = this.#repo
    const plain = new Uint8Array(blobs.reduce((sum, { length }) => sum + length, 0))
    const locs = new Uint8Array(blobs.length * LOCATOR_SIZE)
    const refs: Uint8Array[] = []
    let at = 0
    for (const [i, { number, length }] of blobs.entries()) {
      new DataView(plain.buffer).setFloat64(at, number)
      const ref = blobKeys.refOf('data', plain.subarray(at, at + length)).slice()
      refs.push(ref)
      locs.set(blobKeys.locOf(ref), i * LOCATOR_SIZE)
      at += length
    }
    const sealer = this.#repo.sealerOf(this.#secrets.data)
    const block = encodeBlock(sealer, SEALED_TYPES.dataBlock, plain, { name: 'none' })
    const lengths = Uint32Array.from(blobs, ({ length }) => length)
    return { block: { ...block, plainLength: plain.length, locs, lengths }, refs }
  }

  #file(name: string, extents: readonly Extent[], isLive: boolean): void {
    const size = extents.reduce((sum, { length }) => sum + length, 0)
    const content = this.#trees.content(extents)
    const file: Entry = { ...ABOUT, name: utf8(name), kind: 'file', mode: 0o644, size, content }
    ;(isLive ? this.#live : this.#dead).add(file, this.#trees)
  }
}

const ABOUT = { uid: 1000, gid: 1000, mtime: { sec: 1_700_000_000, nsec: 5 }, ino: 1n }

function folder(name: string, subtree: Subtree): Entry {
  return { ...ABOUT, name: utf8(name), kind: 'directory', mode: 0o755, subtree }
}

/** Files, by the folder. */
class Folders {
  readonly folders: Entry[] = []
  #files: Entry[] = []

  add(file: Entry, trees: TreeBuilder): void {
    this.#files.push(file)
    if (this.#files.length === FOLDER_FILES) this.close(trees)
  }

  close(trees: TreeBuilder): void {
    if (this.#files.length === 0) return
    const files = this.#files.sort((a, b) => Buffer.compare(a.name, b.name))
    this.folders.push(folder(`folder-of-${Buffer.from(files[0]!.name).toString()}`, trees.directory(files)))
    this.#files = []
  }
}
