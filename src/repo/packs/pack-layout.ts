// Which block goes into which pack, and how long the packs become (docs/format.md, 4): by lengths alone, so that the same can be
// foretold of what is not stored yet. A pack that is nearly full waits for a block that still fits while the next one is begun,
// which keeps the random fill at the end to a few tenths of a percent.
import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { SEAL_OVERHEAD } from '../../crypto/seal.ts'
import { BLOBS_MAX, BLOCKS_MAX, tablesSize } from '../../format/block-table.ts'
import { directorySize, PACK_SESSIONS_MAX, PACK_SIZE_MAX, TRAILER_STORED_SIZE } from '../../format/directory.ts'
import { ID_SIZE } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import { HEADER_SIZE } from '../../format/object-header.ts'
import { padme } from '../../format/padme.ts'
import type { RepoDescription } from '../../format/repo-description.ts'

/** Tree packs are read in part and kept near, so they are smaller. */
const META_PACK_SIZE = 8 * 1024 * 1024

/** Bytes of a full pack. */
export function fullPackSize(
  { description: { packSize } }: { readonly description: Pick<RepoDescription, 'packSize'> },
  kind: PackKind,
): number {
  return kind === 'data' ? packSize : Math.min(META_PACK_SIZE, packSize)
}

/** A block as far as its place is concerned. */
export interface BlockMeasure {
  /** Bytes, sealed. */
  readonly storedLength: number
  readonly blobs: number
  /** Session that sealed it. */
  readonly sid: Uint8Array
}

/** How far a pack is filled. */
export class Filling {
  readonly sessions: Uint8Array[] = []
  blockCount = 0
  blobs = 0
  /** Bytes of all blocks. */
  stored = 0
}

export interface ClosedPack<P> {
  readonly pack: P
  /** Bytes of the whole object. */
  readonly size: number
}

export interface LayoutOptions<P extends Filling> {
  readonly kind: PackKind
  /** Size of a full pack in bytes. */
  readonly packSize: number
  /** Makes an empty pack; `alone` when one block is all that it will have. */
  readonly begin: (alone: boolean) => P
}

/** A pack is closed when less than this share of it is left. */
const ROOM_SHARE = 1 / 200
/** A pack that waits for a block that still fits is closed when the next one has this share of a pack. */
const WAIT_SHARE = 1 / 4

export class PackLayout<P extends Filling> {
  readonly #opts: LayoutOptions<P>
  /** Two at most. */
  open: readonly P[] = []

  constructor(opts: LayoutOptions<P>) {
    this.#opts = opts
  }

  /** Finds a place for a block; `session` is its ordinal in the pack, `closed` are packs that get no more after this one. */
  add(block: BlockMeasure): { readonly pack: P; readonly session: number; readonly closed: readonly ClosedPack<P>[] } {
    const { packSize, begin } = this.#opts
    if (!this.#fits(block, EMPTY)) {
      const pack = begin(true)
      const session = count(block, pack)
      return { pack, session, closed: [this.#close(pack)] }
    }
    const closed: ClosedPack<P>[] = []
    let target = this.open.find((pack) => this.#fits(block, pack))
    if (target === undefined) {
      // Two are open already and the block fits neither: blocks near the size of a pack do that.
      if (this.open.length === 2) closed.push(this.#close(this.#fullest()))
      target = begin(false)
      this.open = [...this.open, target]
    }
    const session = count(block, target)
    if (this.#room(target) < packSize * ROOM_SHARE) closed.push(this.#close(target))
    else if (this.open.length === 2 && this.#emptiest().stored >= packSize * WAIT_SHARE) {
      closed.push(this.#close(this.#fullest()))
    }
    return { pack: target, session, closed }
  }

  /** Closes what is open; the last pack is padded instead of filled. */
  finish(): ClosedPack<P>[] {
    const closed: ClosedPack<P>[] = []
    while (this.open.length > 0) closed.push(this.#close(this.#fullest(), this.open.length === 1))
    return closed
  }

  #close(pack: P, last = false): ClosedPack<P> {
    this.open = this.open.filter((other) => other !== pack)
    const { kind, packSize } = this.#opts
    const used = usedBytes(pack)
    // Only a block that is larger than a pack makes one that is larger.
    const sizeMax = used > packSize ? PACK_SIZE_MAX : packSize
    const size = last || kind === 'meta' || used > packSize ? Math.min(padme(used), sizeMax) : packSize
    assert(size >= used, 'what was put into a pack fits it')
    return { pack, size }
  }

  #fits(block: BlockMeasure, pack: Filling): boolean {
    if (pack.blockCount === BLOCKS_MAX || pack.blobs + block.blobs > BLOBS_MAX) return false
    const isNewSession = ordinalOf(pack.sessions, block.sid) < 0
    if (isNewSession && pack.sessions.length === PACK_SESSIONS_MAX) return false
    const cost = block.storedLength + tablesSize(1, block.blobs)
    return this.#room(pack) >= cost + (isNewSession ? ID_SIZE : 0)
  }

  #room(pack: Filling): number {
    return this.#opts.packSize - usedBytes(pack)
  }

  #fullest(): P {
    return this.open.reduce((a, b) => (b.stored > a.stored ? b : a))
  }

  #emptiest(): P {
    return this.open.reduce((a, b) => (b.stored < a.stored ? b : a))
  }
}

/**
 * Random bytes in each pack at least: sealing is a pure function, and without them a copy of the same blocks would get a name
 * that was there before, and that somebody may be about to delete (docs/format.md, 4).
 */
const FILL_MIN = 16

/** Bytes of a pack with as little fill as there may be. */
function usedBytes({ sessions, blockCount, blobs, stored }: Filling): number {
  return HEADER_SIZE + stored + FILL_MIN + sealedDirectorySize(sessions.length, blockCount, blobs) + TRAILER_STORED_SIZE
}

function sealedDirectorySize(sessions: number, blocks: number, blobs: number): number {
  return directorySize(sessions, blocks, blobs) + SEAL_OVERHEAD
}

const EMPTY = new Filling()

/** Gives the ordinal of its session. */
function count({ storedLength, blobs, sid }: BlockMeasure, pack: Filling): number {
  let session = ordinalOf(pack.sessions, sid)
  if (session < 0) session = pack.sessions.push(sid) - 1
  pack.blockCount++
  pack.blobs += blobs
  pack.stored += storedLength
  return session
}

/** -1 when it is not among them. Blocks of one session follow one another, so the last is looked at first. */
function ordinalOf(sessions: readonly Uint8Array[], sid: Uint8Array): number {
  for (let i = sessions.length - 1; i >= 0; i--) if (equalBytes(sessions[i]!, sid)) return i
  return -1
}
