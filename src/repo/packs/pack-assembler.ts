// Fills packs with sealed blocks. Data packs all have one size, so that nothing about their content shows. Memory: one and a
// quarter packs, or little where the store takes a pack in pieces.
import { assert } from '../../base/assert.ts'
import type { SecureRandom } from '../../base/random.ts'
import { IncrementalHash } from '../../crypto/hash.ts'
import type { Sealer, Suite } from '../../crypto/seal.ts'
import { sealDirectory, sealTrailer, TRAILER_STORED_SIZE } from '../../format/directory.ts'
import type { DirectoryBlock } from '../../format/directory.ts'
import { encodeHeader, HEADER_SIZE, OBJECT_TYPES } from '../../format/object-header.ts'
import { packName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import type { StagedObject } from '../../store/store.ts'
import { Filling, PackLayout } from './pack-layout.ts'
import type { ClosedPack } from './pack-layout.ts'

/** A block as it goes into a pack. */
export interface PackableBlock {
  readonly sealed: Uint8Array
  readonly codec: number
  readonly plainLength: number
  /** Locators of its blobs, 24 bytes each. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
  /** Session that sealed it, 16 bytes; the assembler's own unless given. */
  readonly sid?: Uint8Array
}

/** A pack ready to be put. */
export interface FinishedPack {
  readonly kind: PackKind
  readonly hash: Uint8Array
  readonly objectName: string
  /** Its bytes, or those that were not yet spilled. */
  readonly parts: readonly Uint8Array[]
  /** Where the bytes before `parts` went. */
  readonly staged?: StagedObject | undefined
  readonly size: number
  readonly blocks: readonly DirectoryBlock[]
  /** What the blocks refer to. */
  readonly sessions: readonly Uint8Array[]
}

/** Bytes of a pack that is still being filled. */
export interface Spill {
  readonly staged: StagedObject
  readonly parts: readonly Uint8Array[]
}

export interface AssemblerOptions {
  readonly kind: PackKind
  /** Size of a full pack in bytes. */
  readonly packSize: number
  /** Seals directory and trailer: K_idx. */
  readonly sealer: Sealer
  readonly suite: Suite
  /** Of blocks that do not say another one. */
  readonly sid?: Uint8Array
  readonly random: SecureRandom
  /** Begins an object in the store, where it takes one in pieces. */
  readonly stage?: (() => StagedObject) | undefined
}

/** Bytes that are spilled at once. */
const SPILL_FROM = 1024 * 1024

class OpenPack extends Filling {
  readonly staged: StagedObject | undefined
  readonly hasher: IncrementalHash
  readonly blocks: DirectoryBlock[] = []
  /** What has not been spilled. */
  parts: Uint8Array[]
  held = 0

  constructor(header: Uint8Array, staged: StagedObject | undefined) {
    super()
    this.staged = staged
    this.hasher = new IncrementalHash().update(header)
    this.parts = [header]
  }
}

export class PackAssembler {
  readonly #opts: AssemblerOptions
  #layout: PackLayout<OpenPack>

  constructor(opts: AssemblerOptions) {
    this.#opts = opts
    this.#layout = this.#newLayout()
  }

  /** Bytes of blocks that are held in memory. */
  get held(): number {
    return this.#layout.open.reduce((sum, pack) => sum + pack.held, 0)
  }

  /** No block waits for its pack to be closed. */
  get isEmpty(): boolean {
    return this.#layout.open.length === 0
  }

  /** Takes a block; returns the packs that became full. */
  add(block: PackableBlock): FinishedPack[] {
    const { sealed, plainLength, codec, locs, lengths } = block
    const storedLength = sealed.byteLength
    const { pack, session, closed } = this.#layout.add({
      storedLength,
      blobs: lengths.length,
      sid: this.#sidOf(block),
    })
    pack.blocks.push({ storedLength, plainLength, codec, session, locs, lengths })
    pack.hasher.update(sealed)
    pack.parts.push(sealed)
    pack.held += storedLength
    return closed.map((each) => this.#close(each))
  }

  /** Hands out bytes of open packs that may go to the store before the pack is full. Each is handed out once. */
  spill(): Spill[] {
    const spills: Spill[] = []
    for (const pack of this.#layout.open) {
      if (pack.staged === undefined || pack.held < SPILL_FROM) continue
      spills.push({ staged: pack.staged, parts: pack.parts })
      pack.parts = []
      pack.held = 0
    }
    return spills
  }

  /** To be called once an hour. */
  async keepAlive(): Promise<void> {
    await Promise.all(this.#layout.open.map(async ({ staged }) => staged?.keepAlive()))
  }

  /** Gives up the packs that are open. */
  async discard(): Promise<void> {
    const given = this.#layout.open
    this.#layout = this.#newLayout()
    await Promise.all(given.map(async ({ staged }) => staged?.discard()))
  }

  /** Closes what is open; the last pack is padded instead of filled. */
  finish(): FinishedPack[] {
    return this.#layout.finish().map((each) => this.#close(each))
  }

  #newLayout(): PackLayout<OpenPack> {
    const { kind, packSize, suite, stage } = this.#opts
    const type = kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack
    // A pack that is put at once need not be staged.
    const begin = (alone: boolean) => new OpenPack(encodeHeader(type, suite), alone ? undefined : stage?.())
    return new PackLayout({ kind, packSize, begin })
  }

  #sidOf({ sid = this.#opts.sid }: PackableBlock): Uint8Array {
    assert(sid !== undefined, 'a block says whose secret seals it')
    return sid
  }

  #close({ pack, size }: ClosedPack<OpenPack>): FinishedPack {
    const { kind, sealer, random } = this.#opts
    const { staged, hasher, blocks, sessions } = pack
    const directory = sealDirectory({ sessions, blocks }, sealer)
    const directoryOffset = size - TRAILER_STORED_SIZE - directory.byteLength
    const trailer = sealTrailer({ directoryOffset, directoryLength: directory.byteLength, packLength: size }, sealer)
    const fill = random(directoryOffset - HEADER_SIZE - pack.stored)
    const end = [fill, directory, trailer]
    for (const part of end) hasher.update(part)
    const hash = hasher.digest()
    return {
      kind,
      hash,
      objectName: packName(kind, hash),
      parts: [...pack.parts, ...end],
      staged,
      size,
      blocks,
      sessions,
    }
  }
}
