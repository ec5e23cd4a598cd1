// One process's way to a store that fails in all the ways that stores fail, by seed: for the simulator only. No timers
// and no real input or output in here, so a run repeats exactly.
//
// Crash: from a chosen operation on, every operation throws a CrashError, as if the process had died in it, and goes on
// doing so: the next process has a FaultyStore of its own. What this one had put and not yet seen acknowledged is kept,
// lost or torn when `settle` is called: what of it shows already only where the power fails too.
import { BackupError, type ErrorCode } from '../base/errors.ts'
import type { Rng } from '../base/random.ts'
import type { FaultyDisk, Power, UnsettledWrite } from './faulty-disk.ts'
import { chance, type Faults, NO_FAULTS, pick, randomBelow } from './faults.ts'
import { checkGet, checkObjectName, checkPrefix, checkPut, endsEarly } from './object-names.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

/** The process died. No error of the product: nothing may handle it. */
export class CrashError extends Error {
  override readonly name = 'CrashError'
  constructor() {
    super('the process died here')
  }
}

/** Whether an error comes from a CrashError, also when steps in between gave it a name. */
export function isCrash(error: unknown): boolean {
  if (error instanceof CrashError) return true
  if (error instanceof AggregateError && error.errors.some(isCrash)) return true
  return error instanceof Error && error.cause !== undefined && isCrash(error.cause)
}

export interface FaultyOptions {
  readonly rng: Rng
  /** Virtual time; resolves in an order that depends on the seed alone. */
  readonly sleep: (ms: number) => Promise<void>
  readonly faults?: Faults
}

const NO_ANSWER: readonly ErrorCode[] = ['io', 'unreachable']
const NO_ROOM: readonly ErrorCode[] = ['io', 'unreachable', 'full']

export class FaultyStore implements Store {
  readonly location: string
  /** May be changed at any time. */
  faults: Faults
  readonly #disk: FaultyDisk
  readonly #rng: Rng
  readonly #sleep: (ms: number) => Promise<void>
  #open: UnsettledWrite[] = []
  #operations = 0
  #changes = 0
  #crashAtOperation = Infinity
  #crashAtChange = Infinity
  #crashed = false
  /** There where the store below has it. */
  readonly replace?: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>

  constructor(disk: FaultyDisk, opts: FaultyOptions) {
    this.location = disk.inner.location
    this.#disk = disk
    this.#rng = opts.rng
    this.#sleep = opts.sleep
    this.faults = opts.faults ?? NO_FAULTS
    if (disk.inner.replace !== undefined) this.replace = (name, parts) => this.#replace(name, parts)
  }

  get listLagMs(): number {
    return this.faults.listLagMs
  }

  get crashed(): boolean {
    return this.#crashed
  }

  /** Operations begun so far. */
  get operations(): number {
    return this.#operations
  }

  /** Operation number `step`, counted from 0, never returns. */
  crashAfter(step: number): void {
    this.#crashAtOperation = step
  }

  /** The put or delete number `step`, counted from 0, never returns: fewer steps to try, the same damage. */
  crashAfterWrites(step: number): void {
    this.#crashAtChange = step
  }

  /** Kills the process now. */
  crash(): void {
    this.#crashed = true
  }

  /** Kills the process unless it is dead, and decides what became of the writes that were not acknowledged. */
  async settle(power: Power = 'fails'): Promise<void> {
    this.#crashed = true
    const open = this.#open.filter((write) => write.applied || power === 'fails' || !this.#maybeLater(write))
    this.#open = []
    await this.#disk.settle(open, this.faults, power)
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    checkPut(name, parts)
    // A write may come to an end after its process: what it wrote is on its way, whatever becomes of the process's memory.
    const own = parts.map((part) => part.slice())
    const write: UnsettledWrite = { kind: 'put', name, parts: own, applied: false, before: undefined }
    return this.#operate(name, write, async () => {
      const cut = this.faults.torn && chance(this.#rng, this.faults.failAfter)
      const result = await this.#disk.applyPut(write, this.faults.listLagMs, cut)
      if (cut && result.created) throw this.#failure(NO_ANSWER, name)
      return result
    })
  }

  async delete(name: string): Promise<boolean> {
    checkObjectName(name)
    const write: UnsettledWrite = { kind: 'delete', name, parts: [], applied: false, before: undefined }
    return this.#operate(name, write, () => this.#disk.applyDelete(write, this.faults.listLagMs))
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    checkGet(name, range)
    return this.#operate(name, undefined, async () => {
      const bytes = await this.#disk.inner.get(name, range)
      if (bytes.byteLength === 0) return bytes
      if (chance(this.#rng, this.faults.truncate)) {
        const kept = randomBelow(this.#rng, bytes.byteLength)
        if (range !== undefined) throw endsEarly(name, range.length, kept)
        return bytes.slice(0, kept)
      }
      if (chance(this.#rng, this.faults.flipBit)) {
        bytes[randomBelow(this.#rng, bytes.byteLength)]! ^= 1 << randomBelow(this.#rng, 8)
      }
      return bytes
    })
  }

  async stat(name: string): Promise<ObjectInfo | null> {
    checkObjectName(name)
    return this.#operate(name, undefined, () => this.#disk.inner.stat(name))
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    checkPrefix(prefix)
    return this.#operate(prefix, undefined, async () => {
      const page = await this.#disk.list(prefix, cursor)
      if (this.#changes > 0) this.#disk.keepListed(page)
      return page
    })
  }

  async keep(name: string): Promise<boolean> {
    checkObjectName(name)
    return this.#operate(name, undefined, async () => {
      if ((await this.#disk.inner.stat(name)) === null) return false
      this.#disk.acknowledge({ kind: 'put', name })
      return true
    })
  }

  async close(): Promise<void> {
    this.#live()
  }

  async #replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    checkPut(name, parts)
    const own = parts.map((part) => part.slice())
    const write: UnsettledWrite = { kind: 'replace', name, parts: own, applied: false, before: undefined }
    return this.#operate(name, write, () => this.#disk.applyReplace(write))
  }

  /** One operation with its delays, its failures, and the death of the process in it. */
  async #operate<T>(name: string, write: UnsettledWrite | undefined, effect: () => Promise<T>): Promise<T> {
    this.#live()
    if (this.#operations++ >= this.#crashAtOperation) this.#crashed = true
    if (write !== undefined) {
      this.#open.push(write)
      if (this.#changes++ >= this.#crashAtChange) this.#crashed = true
    }
    await this.#pause()
    if (chance(this.#rng, this.faults.failBefore)) {
      this.#open = this.#open.filter((each) => each !== write)
      this.#maybeLater(write)
      throw this.#failure(write !== undefined && write.kind !== 'delete' ? NO_ROOM : NO_ANSWER, name)
    }
    const result = await effect()
    // What has found its work done has happened: it is not on its way any more.
    if (write?.applied === false) this.#open = this.#open.filter((each) => each !== write)
    await this.#pause()
    // Carried out, and the answer is lost: the write stays unsettled unless a later put finds it and is acknowledged.
    if (chance(this.#rng, this.faults.failAfter)) {
      this.#maybeLater(write)
      throw this.#failure(NO_ANSWER, name)
    }
    if (write !== undefined) this.#acknowledge(write)
    return result
  }

  /** Somebody on the way keeps a request that nobody waits for any more, and delivers it when he can. */
  #maybeLater(write: UnsettledWrite | undefined): boolean {
    const { late, listLagMs } = this.faults
    if (write === undefined || late === undefined || !chance(this.#rng, late.probability)) return false
    const msMax = late.msMaxOf(write.kind, write.name)
    if (msMax === 0) return false
    void this.#sleep(this.#rng() * msMax).then(() => this.#disk.arrive(write, listLagMs))
    return true
  }

  #acknowledge(write: UnsettledWrite): void {
    if (write.kind !== 'replace' || write.applied) this.#disk.acknowledge(write)
    this.#open = this.#open.filter((each) => each !== write && !(each.applied && each.name === write.name))
  }

  async #pause(): Promise<void> {
    this.#live()
    if (this.faults.delayMsMax > 0) await this.#sleep(this.#rng() * this.faults.delayMsMax)
    this.#live()
  }

  #live(): void {
    if (this.#crashed) throw new CrashError()
  }

  #failure(codes: readonly ErrorCode[], name: string): BackupError {
    return new BackupError(pick(this.#rng, codes), 'simulated failure', name)
  }
}
