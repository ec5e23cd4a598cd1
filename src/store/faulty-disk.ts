// What the processes of a simulated world write to. It knows which writes a power cut may still undo (docs/format.md, 10:
// those that show and were acknowledged to nobody), and shows stale lists when told to. A process talks to it through a
// FaultyStore of its own.
import type { Clock } from '../base/clock.ts'
import type { Rng } from '../base/random.ts'
import { concatBytes } from '../base/bytes.ts'
import { chance, type Faults, randomBelow } from './faults.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

/** Probability that a list shows a change that the next one may not show again: they come from several machines. */
const SHOWN_EARLY = 0.3
/** Probability that an acknowledged write is gone after a power cut of a disk that lies. */
const LIED = 0.3

/** A change that was not acknowledged. */
export interface UnsettledWrite {
  readonly kind: 'put' | 'delete' | 'replace'
  readonly name: string
  /** put, replace: its bytes, in the caller's memory: changing them too early shows. */
  readonly parts: readonly Uint8Array[]
  /** The store below was changed by it. */
  applied: boolean
  /** delete, replace: the bytes that were removed. */
  before: Uint8Array | undefined
}

/** What becomes of the machine that the disk is in when a process dies. */
export type Power = 'stays' | 'fails'

export class FaultyDisk {
  /** The store below: what is really there, without faults. */
  readonly inner: Store
  /** What should be there, by the names of objects of which a part was stored. */
  readonly torn = new Map<string, Uint8Array>()
  /** What came late and made a difference. */
  readonly late: { readonly kind: UnsettledWrite['kind']; readonly name: string; readonly atMs: number }[] = []
  readonly #rng: Rng
  /** Objects of which a put or a deletion is safe, because it was acknowledged to somebody; the last one counts. */
  readonly #acknowledged = new Map<string, 'put' | 'delete'>()
  /** Changes that a list may not show until then, by the clock that only grows: null for an object that is not shown yet. */
  readonly #stale = new Map<string, { readonly shown: ObjectInfo | null; readonly until: number }>()
  readonly #clock: Pick<Clock, 'monotonic'>

  constructor(inner: Store, rng: Rng, clock: Pick<Clock, 'monotonic'>) {
    this.inner = inner
    this.#rng = rng
    this.#clock = clock
  }

  /** `cut`: what is stored is a part of it. */
  async applyPut(write: UnsettledWrite, listLagMs: number, cut = false): Promise<PutResult> {
    const whole = concatBytes(write.parts)
    const stored = cut ? [whole.slice(0, randomBelow(this.#rng, whole.byteLength))] : write.parts
    const result = await this.inner.put(write.name, stored)
    if (cut && result.created) this.torn.set(write.name, whole)
    write.applied = result.created
    if (result.created) this.#hide(write.name, null, listLagMs)
    return result
  }

  async applyDelete(write: UnsettledWrite, listLagMs: number): Promise<boolean> {
    const info = await this.inner.stat(write.name)
    if (info !== null) write.before = await this.inner.get(write.name)
    write.applied = await this.inner.delete(write.name)
    if (info !== null) this.#hide(write.name, info, listLagMs)
    return write.applied
  }

  async applyReplace(write: UnsettledWrite): Promise<boolean> {
    if ((await this.inner.stat(write.name)) === null) return false
    write.before = await this.inner.get(write.name)
    write.applied = await this.inner.replace!(write.name, write.parts)
    return write.applied
  }

  /** A change comes once more, or for the first time, when nobody waits for it. */
  async arrive({ kind, name, parts }: UnsettledWrite, listLagMs: number): Promise<void> {
    const write = { kind, name, parts, applied: false, before: undefined }
    if (kind === 'put') await this.applyPut(write, listLagMs)
    else if (kind === 'delete') await this.applyDelete(write, listLagMs)
    else await this.applyReplace(write)
    if (!write.applied) return
    this.acknowledge(write)
    this.late.push({ kind, name, atMs: this.#clock.monotonic() })
  }

  /** Index segments that a writer has seen on a page are safe from then on. */
  keepListed({ objects }: ListPage): void {
    for (const { name } of objects) if (name.startsWith('index/')) this.#acknowledged.set(name, 'put')
  }

  /** As the store below lists it, but for changes that do not show yet. */
  async list(prefix: string, cursor: string | undefined): Promise<ListPage> {
    const page = await this.inner.list(prefix, cursor)
    const now = this.#clock.monotonic()
    const onPage = (name: string) =>
      name.startsWith(prefix) &&
      (cursor === undefined || name > cursor) &&
      (page.cursor === undefined || name <= page.cursor)
    const objects = new Map(page.objects.map((object) => [object.name, object]))
    for (const [name, { shown, until }] of this.#stale) {
      if (now >= until) this.#stale.delete(name)
      else if (chance(this.#rng, SHOWN_EARLY)) continue
      else if (shown === null) objects.delete(name)
      else if (onPage(name) && !objects.has(name)) objects.set(name, shown)
    }
    return { objects: [...objects.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), cursor: page.cursor }
  }

  /** The write is safe from power cuts, whoever else made it; also one that found nothing left to do. */
  acknowledge({ name, kind }: Pick<UnsettledWrite, 'kind' | 'name'>): void {
    this.#acknowledged.set(name, kind === 'delete' ? 'delete' : 'put')
  }

  /**
   * A process died. Each of its open writes that had not happened yet happens after all, or does not, or, if `torn`, leaves
   * wrong bytes. Those that show are written out if the `power` stays; if it fails they have the same fates, whoever has
   * seen them.
   */
  async settle(open: readonly UnsettledWrite[], faults: Faults, power: Power): Promise<void> {
    for (const write of open) {
      if (power === 'stays' && write.applied) this.acknowledge(write)
      else if (write.kind === 'put') await this.#settlePut(write, faults.torn)
      else if (write.kind === 'replace') await this.#settleReplace(write)
      else await this.#settleDelete(write)
    }
    if (!faults.lying || power === 'stays') return
    for (const [name, kind] of this.#acknowledged) {
      if (kind === 'delete' || !chance(this.#rng, LIED)) continue
      await this.inner.delete(name)
      this.#acknowledged.delete(name)
    }
  }

  async #settlePut(write: UnsettledWrite, torn: boolean): Promise<void> {
    // An object that somebody was told is safe, or that was there before, is not at risk.
    if (this.#acknowledged.get(write.name) === 'put') return
    if (!write.applied && (await this.inner.stat(write.name)) !== null) return
    const outcome = randomBelow(this.#rng, torn ? 3 : 2)
    if (outcome === 0) {
      await this.inner.put(write.name, write.parts)
      return
    }
    await this.inner.delete(write.name)
    if (outcome !== 2) return
    const whole = concatBytes(write.parts)
    await this.inner.put(write.name, [tear(this.#rng, whole)])
    this.torn.set(write.name, whole)
  }

  async #settleDelete(write: UnsettledWrite): Promise<void> {
    if (this.#acknowledged.get(write.name) === 'delete') return
    if (chance(this.#rng, 0.5)) await this.inner.delete(write.name)
    else if (write.before !== undefined) await this.inner.put(write.name, [write.before])
  }

  /** Whichever of the two objects it is, it is whole; one that was deleted meanwhile stays away. */
  async #settleReplace({ name, parts, applied, before }: UnsettledWrite): Promise<void> {
    if (chance(this.#rng, 0.5)) await this.inner.replace!(name, applied ? [before!] : parts)
  }

  #hide(name: string, shown: ObjectInfo | null, listLagMs: number): void {
    if (listLagMs === 0) return
    this.#stale.set(name, { shown, until: this.#clock.monotonic() + this.#rng() * listLagMs })
  }
}

/** Cut short, or of the right length with zeros where the disk had not written yet. */
function tear(rng: Rng, bytes: Uint8Array): Uint8Array {
  const cut = bytes.slice(0, randomBelow(rng, bytes.byteLength))
  if (chance(rng, 0.5)) return cut
  const zeroed = new Uint8Array(bytes.byteLength)
  zeroed.set(cut)
  return zeroed
}
