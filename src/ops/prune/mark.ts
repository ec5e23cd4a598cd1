// Walks the trees of all snapshots and notes in the BlobTable what they need. Each node is read once, whatever number of
// snapshots have it; what waits is kept by block, so that a block is opened for many of its nodes at once.
import { toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, wrap } from '../../base/errors.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { BlobRef } from '../../format/extent.ts'
import type { Repository } from '../../repo/repository.ts'
import { returnFreeMemory } from '../../posix/allocator.ts'
import { RunningSteps } from '../running-steps.ts'
import { ThreadPool } from '../thread-pool.ts'
import { NODE, NodeScanner } from './node-scan.ts'
import type { NodeKind, ScanJob, ScanResult, ScanSetup, WantedNode } from './node-scan.ts'
import { STANDING } from './pack-table.ts'
import type { MetaBlock, PackTable } from './pack-table.ts'

export interface MarkOptions {
  readonly repo: Repository
  /** Packs may be added to it between two walks. */
  readonly packs: () => PackTable
  /** Worker threads at most; 0 does everything in the calling thread. */
  readonly threads: number
  /** Called often; throws when the prune is to stop. */
  readonly check: () => void
  readonly onNodes: (nodes: number) => void
  /** A pack went away while it was read, because another pruner is at work: reads the index again. */
  readonly onGone: () => Promise<void>
}

/** Blocks that are read while others are scanned. */
const READS_AHEAD = 4
/**
 * Who gives out blocks and notes what is in them takes two fifths of the time that it takes to open them, so a third thread
 * would gain a sixth at most; each takes 30 MiB.
 */
const THREADS_MAX = 2
const YOUNG_GENERATION_MB = 8
/** Blocks after which what is free goes back to the system: thousands of small arrays that pass between threads leave holes. */
const BLOCKS_BETWEEN_RETURNS = 256
const SHORT_LOC = 16
/** How often a block is read until it opens. */
const ATTEMPTS = 3
/** Missing blobs that are named. */
const NAMED_MAX = 5

export class Mark {
  readonly #opts: MarkOptions
  readonly #scan: (job: ScanJob) => Promise<ScanResult>
  #pool: ThreadPool | undefined
  readonly #width: number
  /** Nodes that wait, by block, and the blocks in the order in which their first one came. */
  readonly #waiting = new Map<number, WantedNode[]>()
  readonly #blocks: number[] = []
  /** Places of nodes that wait or are being read. */
  readonly #pending = new Set<number>()
  /** Places of nodes that could not be read and that no confirmed snapshot has as far as is known. */
  readonly #failed = new Set<number>()
  /** Places where something else was found than what the reference says. */
  readonly #wrong = new Set<number>()
  #tolerant = false
  #blocksDone = 0
  nodes = 0
  /** Blobs that confirmed snapshots need and that are in no pack that is there and can be opened. */
  missing = 0
  readonly #missingNames: string[] = []

  constructor(opts: MarkOptions) {
    this.#opts = opts
    const setup = setupOf(opts.repo)
    const threads = Math.min(opts.threads, THREADS_MAX)
    this.#width = threads * 2 + READS_AHEAD
    if (threads === 0) {
      const scanner = new NodeScanner(setup)
      this.#scan = async (job) => scanner.scan(job)
    } else {
      const script = new URL('scan-thread.ts', import.meta.url)
      this.#scan = (job) => {
        this.#pool ??= new ThreadPool({ script, setup, threads, youngGenerationMb: YOUNG_GENERATION_MB })
        return this.#pool.run<ScanJob, ScanResult>(job, [job.sealed.buffer as ArrayBuffer])
      }
    }
  }

  /** Ends the threads, each of which takes as much memory as a million blobs; the next walk starts others. */
  async rest(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.close()
    returnFreeMemory()
  }

  /** The beginnings of the references of some missing blobs. */
  get missingNames(): readonly string[] {
    return this.#missingNames
  }

  /** Forgets what was noted. */
  forget(): void {
    this.#waiting.clear()
    this.#blocks.length = 0
    this.#pending.clear()
    this.#failed.clear()
    this.#packs.blobs.forgetNeeds()
    this.missing = 0
    this.#missingNames.length = 0
  }

  /**
   * Notes everything that trees need. `tolerant` is for snapshots that nobody was told are safe: of those, what is left counts.
   * Otherwise throws `corrupt` when a node is missing or cannot be read.
   */
  async trees(roots: Iterable<BlobRef>, { tolerant }: { readonly tolerant: boolean }): Promise<void> {
    this.#tolerant = tolerant
    const running = new RunningSteps(this.#width)
    try {
      for (const ref of roots) {
        this.#visit(ref, NODE.root)
        await this.#run(running)
      }
    } finally {
      await running.settled()
    }
  }

  async #run(running: RunningSteps): Promise<void> {
    for (;;) {
      this.#opts.check()
      const block = this.#blocks.pop()
      if (block === undefined) {
        await running.idle()
        if (this.#blocks.length === 0) return
        continue
      }
      const wanted = this.#waiting.get(block)
      if (wanted === undefined) continue
      this.#waiting.delete(block)
      await running.start(() => this.#block(block, wanted))
    }
  }

  #visit(ref: BlobRef, kind: NodeKind): void {
    const { blobs } = this.#packs
    const place = blobs.find(this.#opts.repo.blobKeys.locOf(ref))
    if (place < 0) {
      if (this.#tolerant) return
      throw stopped(new BackupError('corrupt', 'it is in no pack', `tree blob ${toHex(ref.subarray(0, 8))}`))
    }
    // That it is needed does not mean that it was read: somebody may call a node the content of a file.
    const isNew = blobs.need(place)
    if (!isNew && (this.#isDone(place) || (this.#tolerant && this.#failed.has(place)))) return
    this.#queue(place, ref, kind)
  }

  #queue(place: number, ref: BlobRef, kind: NodeKind): void {
    const number = this.#packs.blockOf(place)
    const block = this.#packs.metaBlock(number)
    if (block === undefined) {
      if (this.#readElsewhere(place, { ref, kind }) || this.#tolerant) return
      const what = 'it is among the content of files, where no node is'
      throw stopped(new BackupError('corrupt', what, `tree blob ${toHex(ref.subarray(0, 8))}`))
    }
    this.#pending.add(place)
    const node = { index: place - block.firstPlace, ref, kind }
    const waiting = this.#waiting.get(number)
    if (waiting !== undefined) {
      waiting.push(node)
      return
    }
    this.#waiting.set(number, [node])
    this.#blocks.push(number)
  }

  async #block(number: number, wanted: readonly WantedNode[]): Promise<void> {
    const block = this.#packs.metaBlock(number)!
    const { blobs } = this.#packs
    let result: ScanResult
    try {
      result = await this.#scanned(block, wanted)
    } catch (error) {
      if (codeOf(error) === 'not-found' && (await this.#foundElsewhere(number, wanted))) return
      if (!isDamage(error)) throw wrap(READING, block.pack.name, error)
      const lost = wanted.filter((node) => !this.#readElsewhere(block.firstPlace + node.index, node))
      if (lost.length > 0 && !this.#tolerant) throw stopped(wrap(READING, block.pack.name, error))
      for (const { index } of lost) this.#failed.add(block.firstPlace + index)
      return
    } finally {
      for (const { index } of wanted) this.#pending.delete(block.firstPlace + index)
    }
    for (const index of result.read) this.#noteRead(block.firstPlace + index)
    this.nodes += result.read.length
    if (++this.#blocksDone % BLOCKS_BETWEEN_RETURNS === 0) returnFreeMemory()
    for (const { index, message } of result.failed) {
      const node = wanted.find((each) => each.index === index)!
      if (this.#readElsewhere(block.firstPlace + index, node)) continue
      if (!this.#tolerant) throw stopped(new BackupError('corrupt', message, block.pack.name))
      this.#failed.add(block.firstPlace + index)
    }
    for (let at = 0; at < result.data.length; at += LOCATOR_SIZE) {
      const place = blobs.find(result.data, at)
      const isNew = place < 0 || blobs.need(place)
      if (!isNew || this.#tolerant) continue
      if (place >= 0 && this.#packs.packOf(place).standing < STANDING.closed) continue
      this.#miss(result.data.subarray(at, at + LOCATOR_SIZE))
    }
    for (const { ref, kind } of result.nodes) this.#visit(ref, kind)
    this.#opts.onNodes(this.nodes)
  }

  /**
   * Read again first where it seems damaged: a wrong bit on the way must not make anything unneeded, nor have somebody told to
   * let go of a snapshot.
   */
  async #scanned(block: MetaBlock, wanted: readonly WantedNode[]): Promise<ScanResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#scan(await this.#job(block, wanted))
      } catch (error) {
        if (attempt === ATTEMPTS || codeOf(error) !== 'corrupt') throw error
      }
    }
  }

  /** Another pruner has copied what is needed of a pack before it deleted it. */
  async #foundElsewhere(number: number, wanted: readonly WantedNode[]): Promise<boolean> {
    await this.#opts.onGone()
    const places = wanted.map(({ ref }) => this.#packs.blobs.find(this.#opts.repo.blobKeys.locOf(ref)))
    if (places.some((place) => place < 0 || this.#packs.blockOf(place) === number)) return false
    for (const [i, { ref, kind }] of wanted.entries()) this.#queue(places[i]!, ref, kind)
    return true
  }

  /** Somebody may have put something else under the locator of a node: then another copy of it is read, if there is one. */
  #readElsewhere(place: number, { ref, kind }: Pick<WantedNode, 'ref' | 'kind'>): boolean {
    this.#wrong.add(place)
    const packs = this.#packs
    if (!packs.blobs.isShared(place)) return false
    for (const other of packs.blobs.placesLike(place)) {
      const block = packs.metaBlock(packs.blockOf(other))
      if (block === undefined || block.pack.standing >= STANDING.closed || this.#wrong.has(other)) continue
      packs.blobs.choose(other)
      this.#queue(other, ref, kind)
      return true
    }
    return false
  }

  async #job(block: MetaBlock, wanted: readonly WantedNode[]): Promise<ScanJob> {
    const { pack, offset, storedLength, codec, plainLength, sid, lengths, firstPlace } = block
    const { repo } = this.#opts
    const secret = await repo.sessionKeys.secret(sid, 'meta')
    const sealed = await repo.store.get(pack.name, { offset, length: storedLength })
    const { blobs } = this.#packs
    const end = firstPlace + lengths.length
    const done = new Uint8Array(lengths.length)
    for (let i = 0; i < lengths.length; i++) done[i] = this.#isDone(firstPlace + i) ? 1 : 0
    for (const { index } of wanted) done[index] = 1
    return {
      objectName: pack.name,
      sid: toHex(sid),
      secret: new Uint8Array(secret),
      sealed: sealed.byteLength === sealed.buffer.byteLength ? sealed : new Uint8Array(sealed),
      codec,
      plainLength,
      lengths,
      locs: blobs.locsOf(firstPlace, end),
      done,
      wanted,
    }
  }

  /** Whether the node of this place was read, or is about to be, wherever it lies. */
  #isDone(place: number): boolean {
    const { blobs } = this.#packs
    const counting = blobs.countingPlace(place)
    return blobs.isNeeded(counting) && (blobs.isVerified(counting) || this.#pending.has(counting))
  }

  /** Of several copies of a node one counts that was read: it is what its reference says. */
  #noteRead(place: number): void {
    const { blobs } = this.#packs
    blobs.verify(place)
    this.#failed.delete(place)
    const counting = blobs.countingPlace(place)
    if (blobs.isVerified(counting)) blobs.need(counting)
    else {
      blobs.choose(place)
      blobs.need(place)
    }
  }

  #miss(loc: Uint8Array): void {
    this.missing++
    if (this.#missingNames.length < NAMED_MAX) this.#missingNames.push(toHex(loc.subarray(0, SHORT_LOC / 2)))
  }

  get #packs(): PackTable {
    return this.#opts.packs()
  }
}

const READING = 'reading trees'

function setupOf({ id, suite, domain, blobKeys }: Repository): ScanSetup {
  return {
    repoId: new Uint8Array(id),
    suite,
    locKey: new Uint8Array(domain.keyLoc),
    treeKey: new Uint8Array(blobKeys.refKey('tree')),
    listKey: new Uint8Array(blobKeys.refKey('list')),
  }
}

/** Whether an error says that something cannot be read, and not that the store does not answer. */
export function isDamage(error: unknown): boolean {
  return error instanceof BackupError && DAMAGE.has(error.code)
}

const DAMAGE: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'not-found', 'limit', 'unsupported', 'wrong-key'])

/** Damage is not garbage: what a tree that cannot be read needs is not known. */
function stopped(cause: BackupError): BackupError {
  if (!isDamage(cause)) return cause
  return new BackupError(cause.code, 'a tree cannot be read', cause.subject, { cause })
}
