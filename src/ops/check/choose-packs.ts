// Which packs a check reads: all, a share, or as many as it takes to have read everything within a period.
import type { Rng } from '../../base/random.ts'

/** What is known of a pack before it is read. */
export interface PackAge {
  readonly name: string
  readonly size: number
  /** When the store received it, in milliseconds since 1970. */
  readonly receivedMs: number
  /** When it was last read and found good; undefined when that is not known. */
  readonly readMs: number | undefined
}

export type PackShare =
  /** Above 0 to 1, of the bytes of all packs. */
  | { readonly kind: 'share'; readonly share: number }
  /** Milliseconds within which every pack is to be read once, by checks that run again and again. */
  | { readonly kind: 'within'; readonly periodMs: number }
  /** Everything but what was read since then: goes on with a check that was stopped. */
  | { readonly kind: 'since'; readonly sinceMs: number }
  | { readonly kind: 'named'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'all' }

export interface ChoiceContext {
  readonly nowMs: number
  /** When the check before this one began; undefined when nobody knows of one. */
  readonly lastBegunMs: number | undefined
  /** When the first check began that is remembered. */
  readonly firstBegunMs: number | undefined
  /** Decides among packs that were never read. */
  readonly rng: Rng
}

/** What is taken for the time between two checks when there was none before. */
const FIRST_INTERVAL_MS = 24 * 60 * 60 * 1000

/** Packs to read, first what was never read, then what was read longest ago. At least one where there are any. */
export function choosePacks<T extends PackAge>(packs: readonly T[], wanted: PackShare, ctx: ChoiceContext): T[] {
  if (wanted.kind === 'all') return [...packs]
  if (wanted.kind === 'named') return packs.filter(({ name }) => wanted.names.has(name))
  if (wanted.kind === 'since') return packs.filter(({ readMs }) => readMs === undefined || readMs < wanted.sinceMs)
  const ordered = inOrder(packs, ctx.rng)
  if (wanted.kind === 'share') return first(ordered, wanted.share)
  const { periodMs } = wanted
  const { nowMs, lastBegunMs, firstBegunMs = nowMs } = ctx
  const interval = Math.max(0, nowMs - (lastBegunMs ?? nowMs - FIRST_INTERVAL_MS))
  // Who checks every day reads a thirtieth a day for 30 days; who comes late reads more.
  const chosen = first(ordered, Math.min(1, interval / periodMs))
  // A pack was verified when it was stored, and who begins to check has the whole period before them. What would be too
  // old when the next check comes is due now.
  const due = ordered.slice(chosen.length).filter(({ readMs, receivedMs }) => {
    const fresh = readMs ?? Math.min(nowMs, Math.max(receivedMs, firstBegunMs))
    return nowMs - fresh + interval > periodMs
  })
  return [...chosen, ...due]
}

function inOrder<T extends PackAge>(packs: readonly T[], rng: Rng): T[] {
  return packs
    .map((pack) => ({ pack, readMs: pack.readMs ?? -1, lot: rng() }))
    .sort((a, b) => a.readMs - b.readMs || a.lot - b.lot)
    .map(({ pack }) => pack)
}

/** As many as it takes for that share of all bytes, and one more for what is left of it. */
function first<T extends PackAge>(ordered: readonly T[], share: number): T[] {
  const total = ordered.reduce((sum, { size }) => sum + size, 0)
  const wanted = total * share
  let bytes = 0
  let count = 0
  while (count < ordered.length && (count === 0 || bytes < wanted)) bytes += ordered[count++]!.size
  return ordered.slice(0, count)
}
