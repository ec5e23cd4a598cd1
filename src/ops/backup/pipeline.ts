// The way of a job: wait for room, run in a worker, hand the sealed blocks to the packs, wait while the store is behind.
// A slow store so slows the reader, and memory stays flat.
import { assert } from '../../base/assert.ts'
import { Gate } from '../../base/gate.ts'
import { releaseMemory } from '../../base/bytes.ts'
import type { BlobIndex } from '../../repo/index/blob-index.ts'
import type { FinishedPack, PackAssembler, Spill } from '../../repo/packs/pack-assembler.ts'
import type { AutoLevel } from './auto-level.ts'
import type { Executor } from './executor.ts'
import type { Job, JobResult, SealedBlock } from './jobs.ts'

/** Packs on their way to the store at once; each holds its bytes in memory, unless they were spilled, until it is acknowledged. */
const PUTS_MAX = 1
/** Blobs a worker may claim in one job: files of a batch, or chunks of a segment. Room is kept for them in the index. */
const CLAIMS_PER_JOB = 4096

export interface PipelineTotals {
  newBlobs: number
  newBytes: number
  bytesRead: number
}

export interface PipelineOptions {
  readonly executor: Executor
  readonly index: BlobIndex
  readonly data: PackAssembler
  readonly meta: PackAssembler
  /** Puts a pack durably and records it for the index (rules W3, W4). */
  readonly putPack: (pack: FinishedPack) => Promise<void>
  /** Throws when the run is to stop. Asked before each job, so that those of one huge file need not all be waited for. */
  readonly check?: () => void
  /** Called after each job: as long as something is read the run lives. */
  readonly beat?: () => Promise<void>
  /** Sets the level of `auto`, where some content is compressed with it. */
  readonly auto?: AutoLevel
}

export class Pipeline {
  readonly #opts: PipelineOptions
  readonly #jobs: Gate
  readonly #puts = new Gate(PUTS_MAX)
  readonly #underWay = new Set<Promise<unknown>>()
  /** Jobs that are being done. */
  readonly #running = new Set<Promise<unknown>>()
  /** Blocks that came before the end of their job and are brought into packs. */
  readonly #taking = new Set<Promise<unknown>>()
  #placing: Promise<void> | undefined
  /** Groups of blocks that the store has not taken whole. */
  #storing = 0
  /** Whether blocks have come since the level of `auto` was looked at. */
  #arrived = false
  #failure: unknown
  /** Why no job is started any more; what has been started goes on (`salvage`). */
  #stop: unknown
  #salvaging = false
  #closed = false
  readonly totals: PipelineTotals = { newBlobs: 0, newBytes: 0, bytesRead: 0 }

  constructor(opts: PipelineOptions) {
    this.#opts = opts
    const { width } = opts.executor
    this.#jobs = new Gate(width)
    // A taker's own failure is the run's; the worker that waits for room only has to hear that there is some.
    opts.executor.deliver((blocks) => {
      const taken = this.#store(blocks)
      this.track(taken)
      this.#note(taken, this.#taking)
      return taken.catch(() => {})
    })
  }

  /** Jobs that run at once. */
  get width(): number {
    return this.#opts.executor.width
  }

  /** Resolves with the result of the job once its blocks are in packs. Rejects with the first failure of anything. */
  async run(job: Job): Promise<JobResult> {
    await this.#jobs.enter()
    try {
      this.#throwIfStopped()
      if (this.#opts.index.reserve(CLAIMS_PER_JOB * this.#opts.executor.width)) {
        this.#opts.executor.indexGrew(this.#opts.index.handle)
      }
      const done = this.#opts.executor.run(job).then((result) => this.#take(result).then(() => result))
      this.#note(done, this.#running)
      const result = await done
      await this.#opts.beat?.()
      return result
    } catch (error) {
      this.#fail(error)
      throw error
    } finally {
      this.#jobs.leave()
    }
  }

  /** Starts a job whose result is handled by `then`; failures surface in `finish` and in later calls. */
  start(job: Job, then: (result: JobResult) => void): void {
    this.track(this.run(job).then(then))
  }

  /** Counts a piece of work as part of the run: `finish` waits for it and reports its failure. */
  track(work: Promise<unknown>): void {
    const guarded = work.catch((error: unknown) => this.#fail(error)).finally(() => this.#underWay.delete(guarded))
    this.#underWay.add(guarded)
  }

  /** Resolves when a job would start soon: callers wait here before they make the next one. */
  async room(): Promise<void> {
    this.#throwIfStopped()
    await this.#jobs.enter()
    this.#jobs.leave()
    this.#throwIfStopped()
  }

  /** Waits while more jobs wait than run: for callers who start jobs where they cannot wait. */
  async keepUp(): Promise<void> {
    if (this.#jobs.waiting > this.width) await this.room()
  }

  /** Waits until everything that was started is done. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    this.#throwIfFailed()
    // Something that belongs to the run was not done: it must not come to a snapshot.
    if (this.#stop !== undefined && !this.#salvaging) throw this.#stop
  }

  /** Waits for all jobs, closes the open packs and waits until every pack is acknowledged. */
  async finish(): Promise<void> {
    await this.settle()
    for (const result of await this.#opts.executor.flush()) await this.#take(result)
    await this.settle() // what the flush has handed on before its end waits for room, and belongs into these packs
    for (const pack of [...this.#opts.data.finish(), ...this.#opts.meta.finish()]) await this.#put(pack)
    await this.settle()
    assert(this.#opts.data.isEmpty && this.#opts.meta.isEmpty, 'every block is in a pack that is stored')
  }

  /**
   * Brings what jobs have claimed until now into packs that are stored, full or not. Where it is under way already, waits
   * for that alone: then what was claimed since has no place yet.
   */
  place(): Promise<void> {
    this.#placing ??= this.#place().finally(() => (this.#placing = undefined))
    return this.#placing
  }

  async #place(): Promise<void> {
    await Promise.allSettled(this.#running)
    await Promise.allSettled(this.#taking) // what a job hands on comes before its end
    this.#throwIfFailed()
    for (const result of await this.#opts.executor.flush()) await this.#take(result)
    await Promise.allSettled(this.#taking)
    for (const pack of this.#opts.data.finish()) await this.#put(pack)
    await this.#puts.enter(PUTS_MAX)
    this.#puts.leave(PUTS_MAX)
    this.#throwIfFailed()
  }

  /** Keeps a piece of work in `among` for as long as it takes. */
  #note(work: Promise<unknown>, among: Set<Promise<unknown>>): void {
    const noted: Promise<unknown> = work.then(
      () => among.delete(noted),
      () => among.delete(noted),
    )
    among.add(noted)
  }

  /** Starts no job any more and waits until what is under way has come to its end, whether well or not. */
  async stop(reason: unknown): Promise<void> {
    this.#stop ??= reason
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  /**
   * Stops, and brings everything that is sealed into the store, so that the next run need not do it again. Does not after
   * a failure.
   */
  async salvage(reason: unknown): Promise<void> {
    await this.stop(reason)
    this.#salvaging = true
    if (this.#failure === undefined) await this.finish()
  }

  /** Leaves nothing behind in the store of packs that are not full: after `finish` there are none. Takes nothing any more. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#opts.data.discard(), this.#opts.meta.discard()])
  }

  async #take({ stats, blocks }: JobResult): Promise<void> {
    this.totals.newBlobs += stats.newBlobs
    this.totals.newBytes += stats.newBytes
    this.totals.bytesRead += stats.bytesRead
    await this.#store(blocks)
  }

  /** Resolves when the blocks are in packs, and those that became full on their way to the store. */
  async #store(blocks: readonly SealedBlock[]): Promise<void> {
    if (this.#closed) return // of a worker that has not heard yet that all is over
    const { data, meta } = this.#opts
    this.#storing++
    this.#arrived = true
    try {
      for (const block of blocks) {
        for (const pack of (block.kind === 'data' ? data : meta).add(block)) await this.#put(pack)
      }
      await Promise.all([...data.spill(), ...meta.spill()].map((spill) => this.#spill(spill)))
    } finally {
      this.#storing--
    }
  }

  async #spill({ staged, parts }: Spill): Promise<void> {
    await staged.append(parts)
    for (const part of parts) releaseMemory(part)
  }

  async #put(pack: FinishedPack): Promise<void> {
    await this.#puts.enter()
    if (this.#failure !== undefined) {
      // The others who wait have to hear of it too.
      this.#puts.leave()
      await pack.staged?.discard()
      throw this.#failure
    }
    const done = this.#opts
      .putPack(pack)
      .catch(async (error: unknown) => {
        // Before the next one is let in: it would write to a disk that is full.
        this.#fail(error)
        await pack.staged?.discard()
        throw error
      })
      .finally(() => {
        for (const part of pack.parts) releaseMemory(part)
        this.#adjustLevel()
        this.#puts.leave()
      })
    this.track(done)
  }

  #adjustLevel(): void {
    const { auto, executor } = this.#opts
    const waiting = this.#storing > 0
    // Several packs out of one group of blocks tell no more than one of them.
    if (auto === undefined || (waiting && !this.#arrived)) return
    this.#arrived = false
    const { level } = auto
    auto.packStored({ waiting, stalled: executor.stalled() })
    if (auto.level !== level) executor.compressAt(auto.level)
  }

  /** Jobs that are not started because of a stop are no failure. */
  #fail(error: unknown): void {
    if (error !== this.#stop) this.#failure ??= error
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #throwIfStopped(): void {
    this.#throwIfFailed()
    try {
      this.#opts.check?.()
    } catch (reason) {
      this.#stop ??= reason
    }
    if (this.#stop !== undefined) throw this.#stop
  }
}
