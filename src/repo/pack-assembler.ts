// Fills packs with sealed blocks. Data packs all have one size, so that nothing about their content shows. A pack that is
// nearly full waits for a block that still fits while the next one is begun, which keeps the random fill at the end to a
// few tenths of a percent. Memory: one and a quarter packs, or little where the store takes a pack in pieces.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { SecureRandom } from '../base/random.ts'
import { IncrementalHash } from '../crypto/hash.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import { BLOBS_MAX, BLOCKS_MAX, tablesSize } from '../format/block-table.ts'
import {
  directorySize,
  PACK_SESSIONS_MAX,
  PACK_SIZE_MAX,
  sealDirectory,
  sealTrailer,
  TRAILER_STORED_SIZE,
} from '../format/directory.ts'
import type { DirectoryBlock } from '../format/directory.ts'
import { encodeHeader, HEADER_SIZE, OBJECT_TYPES } from '../format/object-header.ts'
import { ID_SIZE, packName } from '../format/names.ts'
import type { PackKind } from '../format/names.ts'
import { padme } from '../format/padme.ts'
import type { StagedObject } from '../store/store.ts'

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

/** A pack is closed when less than this share of it is left. */
const ROOM_SHARE = 1 / 200
/** A pack that waits for a block that still fits is closed when the next one has this share of a pack. */
const WAIT_SHARE = 1 / 4

/** Bytes that are spilled at once. */
const SPILL_FROM = 1024 * 1024

interface OpenPack {
  readonly staged: StagedObject | undefined
  readonly hasher: IncrementalHash
  readonly blocks: DirectoryBlock[]
  readonly sessions: Uint8Array[]
  /** What has not been spilled. */
  parts: Uint8Array[]
  held: number
  blobs: number
  /** Bytes of all blocks. */
  stored: number
}

export class PackAssembler {
  readonly #opts: AssemblerOptions
  #open: OpenPack[] = []

  constructor(opts: AssemblerOptions) {
    this.#opts = opts
  }

  /** Bytes of blocks that are held in memory. */
  get held(): number {
    return this.#open.reduce((sum, pack) => sum + pack.held, 0)
  }

  /** No block waits for its pack to be closed. */
  get isEmpty(): boolean {
    return this.#open.length === 0
  }

  /** Takes a block; returns the packs that became full. */
  add(block: PackableBlock): FinishedPack[] {
    if (!this.#fits(block, EMPTY)) {
      const own = this.#begin(false)
      this.#put(block, own)
      return [this.#close(own)]
    }
    const finished: FinishedPack[] = []
    let target = this.#open.find((pack) => this.#fits(block, pack))
    if (target === undefined) {
      // Two are open already and the block fits neither: blocks near the size of a pack do that.
      if (this.#open.length === 2) finished.push(this.#close(this.#fullest()))
      target = this.#begin(true)
      this.#open.push(target)
    }
    this.#put(block, target)
    const { packSize } = this.#opts
    if (this.#room(target) < packSize * ROOM_SHARE) finished.push(this.#close(target))
    else if (this.#open.length === 2 && this.#emptiest().stored >= packSize * WAIT_SHARE) {
      finished.push(this.#close(this.#fullest()))
    }
    return finished
  }

  /** Hands out bytes of open packs that may go to the store before the pack is full. Each is handed out once. */
  spill(): Spill[] {
    const spills: Spill[] = []
    for (const pack of this.#open) {
      if (pack.staged === undefined || pack.held < SPILL_FROM) continue
      spills.push({ staged: pack.staged, parts: pack.parts })
      pack.parts = []
      pack.held = 0
    }
    return spills
  }

  /** To be called once an hour. */
  async keepAlive(): Promise<void> {
    await Promise.all(this.#open.map(async ({ staged }) => staged?.keepAlive()))
  }

  /** Gives up the packs that are open. */
  async discard(): Promise<void> {
    const given = this.#open
    this.#open = []
    await Promise.all(given.map(async ({ staged }) => staged?.discard()))
  }

  /** Closes what is open; the last pack is padded instead of filled. */
  finish(): FinishedPack[] {
    const finished: FinishedPack[] = []
    while (this.#open.length > 0) finished.push(this.#close(this.#fullest(), this.#open.length === 1))
    return finished
  }

  /** A pack that is put at once need not be staged. */
  #begin(staged: boolean): OpenPack {
    const { kind, suite, stage } = this.#opts
    const header = encodeHeader(kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, suite)
    return {
      staged: staged ? stage?.() : undefined,
      hasher: new IncrementalHash().update(header),
      blocks: [],
      sessions: [],
      parts: [header],
      held: 0,
      blobs: 0,
      stored: 0,
    }
  }

  #fits(block: PackableBlock, pack: Filling): boolean {
    if (pack.blocks.length === BLOCKS_MAX || pack.blobs + block.lengths.length > BLOBS_MAX) return false
    const isNewSession = ordinalOf(pack.sessions, this.#sidOf(block)) < 0
    if (isNewSession && pack.sessions.length === PACK_SESSIONS_MAX) return false
    return this.#room(pack) >= cost(block) + (isNewSession ? ID_SIZE : 0)
  }

  #room(pack: Filling): number {
    const directory = directorySize(pack.sessions.length, pack.blocks.length, pack.blobs) + SEAL_OVERHEAD
    return this.#opts.packSize - HEADER_SIZE - pack.stored - FILL_MIN - directory - TRAILER_STORED_SIZE
  }

  #sidOf({ sid = this.#opts.sid }: PackableBlock): Uint8Array {
    assert(sid !== undefined, 'a block says whose secret seals it')
    return sid
  }

  #put(block: PackableBlock, pack: OpenPack): void {
    const { sealed, plainLength, codec, locs, lengths } = block
    const sid = this.#sidOf(block)
    let session = ordinalOf(pack.sessions, sid)
    if (session < 0) session = pack.sessions.push(sid) - 1
    pack.blocks.push({ storedLength: sealed.byteLength, plainLength, codec, session, locs, lengths })
    pack.hasher.update(sealed)
    pack.parts.push(sealed)
    pack.held += sealed.byteLength
    pack.blobs += lengths.length
    pack.stored += sealed.byteLength
  }

  #fullest(): OpenPack {
    return this.#open.reduce((a, b) => (b.stored > a.stored ? b : a))
  }

  #emptiest(): OpenPack {
    return this.#open.reduce((a, b) => (b.stored < a.stored ? b : a))
  }

  #close(pack: OpenPack, last = false): FinishedPack {
    this.#open = this.#open.filter((other) => other !== pack)
    const { kind, packSize, sealer, random } = this.#opts
    const { staged, hasher, blocks, sessions } = pack
    const directory = sealDirectory({ sessions, blocks }, sealer)
    const used = HEADER_SIZE + pack.stored + FILL_MIN + directory.byteLength + TRAILER_STORED_SIZE
    // Only a block that is larger than a pack makes one that is larger.
    const sizeMax = used > packSize ? PACK_SIZE_MAX : packSize
    const size = last || kind === 'meta' || used > packSize ? Math.min(padme(used), sizeMax) : packSize
    assert(size >= used, 'what was put into a pack fits it')
    const directoryOffset = size - TRAILER_STORED_SIZE - directory.byteLength
    const trailer = sealTrailer({ directoryOffset, directoryLength: directory.byteLength, packLength: size }, sealer)
    const end = [random(size - used + FILL_MIN), directory, trailer]
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

/**
 * Random bytes in each pack: sealing is a pure function, and without them a copy of the same blocks would get a name that was
 * there before, and that somebody may be about to delete (docs/format.md, 4).
 */
const FILL_MIN = 16

/** How far a pack is filled. */
interface Filling {
  readonly blocks: { readonly length: number }
  readonly sessions: readonly Uint8Array[]
  readonly blobs: number
  readonly stored: number
}

const EMPTY: Filling = { blocks: [], sessions: [], blobs: 0, stored: 0 }

/** -1 when it is not among them. Blocks of one session follow one another, so the last is looked at first. */
function ordinalOf(sessions: readonly Uint8Array[], sid: Uint8Array): number {
  for (let i = sessions.length - 1; i >= 0; i--) if (equalBytes(sessions[i]!, sid)) return i
  return -1
}

/** Bytes that a block takes of a pack, its part of the directory included. */
function cost(block: PackableBlock): number {
  return block.sealed.byteLength + tablesSize(1, block.lengths.length)
}
