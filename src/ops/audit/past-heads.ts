// Whether the chains of a history had, at the time of a checkpoint, the heads that its Merkle root was made of. Times tell
// for most chains which object was the newest then. Where they do not, because the clocks differ a little or because a
// snapshot was forgotten and its time with it, each possibility is tried that gives the sum that the checkpoint has.
import { equalBytes, fromHex } from '../../base/bytes.ts'
import { digestOf } from '../../format/checkpoint.ts'
import type { ChainHead, HeadsDigest } from '../../format/checkpoint.ts'
import type { ChainName } from '../../format/log-record.ts'

/** Something that a chain has or had. Times are in milliseconds since 1970, where they are known. */
export interface PastPlace {
  readonly chain: ChainName
  readonly wid: string
  readonly seq: number
  readonly id: string
  readonly receivedMs?: number
  readonly claimedMs?: number | undefined
  /** When a record said that it is gone. */
  readonly goneMs?: number
}

/** What the clock of who made the checkpoint may differ by from others. */
const SKEW_MS = 10 * 60_000
/** Sets of heads that are hashed: those of a thousand chains take a millisecond. */
const TRIES_MAX = 2000
/** Heads that are tried on the way to a set: some tenths of a second. */
const STEPS_MAX = 2_000_000
/** Chains with several possibilities: each is a step deeper. */
const OPEN_CHAINS_MAX = 1000

export function hadHeads(digest: HeadsDigest, atMs: number, places: readonly PastPlace[]): boolean {
  const times: ((place: PastPlace) => number | undefined)[] = [
    ({ claimedMs }) => claimedMs,
    ({ receivedMs }) => receivedMs,
  ]
  return times.some((timeOf) => new PastHeads(digest, possibleHeads(places, atMs, timeOf)).found())
}

/** For each chain what may have been its head; undefined where there may have been none. */
function possibleHeads(
  places: readonly PastPlace[],
  atMs: number,
  timeOf: (place: PastPlace) => number | undefined,
): (ChainHead | undefined)[][] {
  return [...Map.groupBy(places, ({ chain, wid }) => `${chain} ${wid}`).values()].map((unsorted) => {
    const timed = (place: PastPlace) => timeOf(place) !== undefined
    const chain = unsorted.toSorted((a, b) => a.seq - b.seq || Number(timed(a)) - Number(timed(b)))
    const first = chain.findLastIndex((place) => (timeOf(place) ?? Infinity) <= atMs - SKEW_MS)
    const isLater = (place: PastPlace) => (timeOf(place) ?? -Infinity) > atMs + SKEW_MS
    const isGone = ({ goneMs = Infinity }: PastPlace) => goneMs < atMs - SKEW_MS
    // Where a number was given again, what has a greater one may be older.
    const isReused = new Set(chain.map(({ seq }) => seq)).size < chain.length
    const end = isReused ? -1 : chain.findIndex((place, at) => at > first && isLater(place))
    const possible = chain
      .slice(Math.max(0, first), end === -1 ? undefined : end)
      .filter((place) => !isLater(place) && !isGone(place))
      .map(headOf)
    return first === -1 || possible.length === 0 ? [undefined, ...possible] : possible
  })
}

function headOf({ chain, wid, seq, id }: PastPlace): ChainHead {
  return { chain, wid: fromHex(wid)!, seq, hash: fromHex(id)! }
}

class PastHeads {
  readonly #digest: HeadsDigest
  /** Those with several possibilities. */
  readonly #chains: readonly (readonly (ChainHead | undefined)[])[]
  /** Least and greatest sum of the chains from each one on. */
  readonly #least: number[] = [0]
  readonly #greatest: number[] = [0]
  readonly #chosen: ChainHead[]
  #tries = 0
  #steps = 0

  constructor(digest: HeadsDigest, chains: readonly (readonly (ChainHead | undefined)[])[]) {
    this.#digest = digest
    this.#chains = chains.filter(({ length }) => length > 1)
    this.#chosen = chains.flatMap(([head, ...others]) => (others.length === 0 && head !== undefined ? [head] : []))
    for (const possible of this.#chains.toReversed()) {
      const numbers = possible.map((head) => head?.seq ?? 0)
      this.#least.unshift(this.#least[0]! + numbers.reduce((a, b) => Math.min(a, b)))
      this.#greatest.unshift(this.#greatest[0]! + numbers.reduce((a, b) => Math.max(a, b)))
    }
  }

  found(): boolean {
    const known = this.#chosen.reduce((sum, { seq }) => sum + seq, 0)
    return this.#chains.length <= OPEN_CHAINS_MAX && this.#from(0, this.#digest.places - known)
  }

  #from(at: number, left: number): boolean {
    if (left < this.#least[at]! || left > this.#greatest[at]! || this.#tries >= TRIES_MAX) return false
    const possible = this.#chains[at]
    if (possible === undefined) return this.#isIt()
    for (const head of possible) {
      if (++this.#steps > STEPS_MAX) return false
      if (head !== undefined) this.#chosen.push(head)
      const found = this.#from(at + 1, left - (head?.seq ?? 0))
      if (head !== undefined) this.#chosen.pop()
      if (found) return true
    }
    return false
  }

  #isIt(): boolean {
    if (this.#chosen.length !== this.#digest.chains) return false
    this.#tries++
    return equalBytes(digestOf(this.#chosen).root, this.#digest.root)
  }
}
