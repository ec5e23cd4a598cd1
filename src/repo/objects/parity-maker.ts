// Makes parity of objects on their way into a store (docs/format.md, 4.1 and 10): beside small ones, of packs after they are
// acknowledged, by reading them back while they are still in the memory of the system. Nothing depends on it: what is
// missing is made by a repair, and what is wrong heals nothing.
import { fromHex } from '../../base/bytes.ts'
import { BackupError, doing, wrap } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import type { Suite } from '../../crypto/seal.ts'
import { hashInName, parityName, parseObjectName } from '../../format/names.ts'
import type { ParityShares } from '../../format/repo-description.ts'
import { encodeParityObject, parityObjectSize } from '../../format/parity-object.ts'
import { ParityEncoder } from '../../parity/code.ts'
import { shapeFor } from '../../parity/shape.ts'
import type { Store } from '../../store/store.ts'
import type { RepoDescription } from '../../format/repo-description.ts'

/** Read back at once. */
const SLICE = 1024 * 1024

export interface ParitySettings {
  readonly suite: Suite
  /** Undefined where no parity is made. */
  readonly shares: ParityShares | undefined
}

/** Share of an object's size that its parity has; undefined for objects that have none. */
export function parityShareOf(name: string, { data, meta }: ParityShares): number | undefined {
  const parsed = parseObjectName(name)
  switch (parsed?.kind) {
    case 'pack':
      return parsed.packKind === 'data' ? data : meta
    // Without these everything else cannot be opened, told apart or found, and they are small.
    case 'description':
    case 'writer':
    case 'session-keys':
    case 'snapshot':
    case 'log':
      return 1
    default:
      return undefined
  }
}

/** The bytes of the parity of an object that is there, `size` bytes long; compares nothing. */
export async function makeParity(store: Store, name: string, size: number, opts: { share: number; suite: Suite }) {
  const shape = shapeFor(size, opts.share)
  const encoder = new ParityEncoder(shape)
  for (let offset = 0; offset < size; offset += SLICE) {
    encoder.add(await store.get(name, { offset, length: Math.min(SLICE, size - offset) }))
  }
  const parsed = parseObjectName(name)
  const named = parsed === null ? null : hashInName(parsed)
  const own = named === null ? hash(await store.get(name)) : fromHex(named)!
  return encodeParityObject(own, shape, encoder.finish(), opts.suite)
}

interface ParitySource {
  readonly store: Store
  readonly description: RepoDescription
}

/** Parity as the description of the repository says, where the store is one that can be repaired. */
export function parityMakerOf({ store, description }: ParitySource): ParityMaker {
  return new ParityMaker(store, {
    suite: description.suite,
    shares: store.replace === undefined ? undefined : description.parity,
  })
}

/** To be called after an object was deleted: what would make it good goes too. */
export async function deleteParityOf({ store, description }: ParitySource, name: string): Promise<void> {
  if (description.parity === undefined) return
  const parity = parityName(name)
  if (parseObjectName(parity) !== null) await doing('deleting parity', parity, () => store.delete(parity))
}

export class ParityMaker {
  readonly #store: Store
  readonly #settings: ParitySettings
  /** One after the other: the next pack has not begun to fill the memory. */
  #last: Promise<void> = Promise.resolve()
  readonly #running = new Set<Promise<void>>()
  #problem: BackupError | undefined
  /** What no store throws: told by `finish`, since nobody waits for what is under way. */
  #bug: { readonly cause: unknown } | undefined
  #stopped = false
  storedBytes = 0

  constructor(store: Store, settings: ParitySettings) {
    this.#store = store
    this.#settings = settings
  }

  /** Of an object whose bytes are at hand; they must not change until `finish`. */
  ofBytes(name: string, bytes: Uint8Array): void {
    const share = this.#shareOf(name, bytes.length)
    if (share === undefined) return
    void this.#start(name, async () => {
      const shape = shapeFor(bytes.length, share)
      const encoder = new ParityEncoder(shape)
      encoder.add(bytes)
      await this.#put(name, encodeParityObject(hash(bytes), shape, encoder.finish(), this.#settings.suite))
    })
  }

  /** Whether the objects that the others depend on get any. */
  get isMade(): boolean {
    return this.#settings.shares !== undefined
  }

  /** Bytes that the parity of such an object is going to have; 0 when it gets none. */
  foresee(name: string, size: number): number {
    const share = this.#shareOf(name, size)
    return share === undefined ? 0 : parityObjectSize(shapeFor(size, share))
  }

  /** Of something small that is there, unless it has some. */
  ofMissing(name: string): void {
    const { shares, suite } = this.#settings
    if (shares === undefined) return
    void this.#start(name, async () => {
      if ((await this.#store.stat(parityName(name))) !== null) return
      const info = await this.#store.stat(name)
      const share = info === null ? undefined : this.#shareOf(name, info.size)
      if (share !== undefined) await this.#put(name, await makeParity(this.#store, name, info!.size, { share, suite }))
    })
  }

  /** Of a pack that is acknowledged. */
  ofPack(name: string, size: number): void {
    const share = this.#shareOf(name, size)
    if (share === undefined) return
    const before = this.#last
    this.#last = this.#start(name, async () => {
      await before
      if (this.#stopped) return
      await this.#put(name, await makeParity(this.#store, name, size, { share, suite: this.#settings.suite }))
    })
  }

  /** Waits for what is under way; gives what kept some parity from being made. */
  async finish(): Promise<BackupError | undefined> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    if (this.#bug !== undefined) throw this.#bug.cause
    return this.#problem
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true
  }

  #shareOf(name: string, size: number): number | undefined {
    const { shares } = this.#settings
    if (shares === undefined || size === 0 || this.#stopped) return undefined
    const share = parityShareOf(name, shares)
    return share === 0 ? undefined : share
  }

  #start(name: string, step: () => Promise<void>): Promise<void> {
    const run = step().catch((cause: unknown) => {
      if (cause instanceof BackupError) this.#problem ??= wrap('making parity', name, cause)
      else this.#bug ??= { cause }
    })
    this.#running.add(run)
    void run.finally(() => this.#running.delete(run))
    return run
  }

  async #put(name: string, bytes: Uint8Array): Promise<void> {
    const { created } = await this.#store.put(parityName(name), [bytes])
    if (created) this.storedBytes += bytes.length
  }
}
