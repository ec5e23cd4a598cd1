// One chain of one writer: which numbers it has, what explains those that are not there, and whether it is one chain.
import { logPrefix, snapshotPrefix } from '../../format/names.ts'
import type { ChainName } from '../../format/log-record.ts'
import type { LogAction } from '../../format/log-record.ts'
import type { OpenedRecord } from '../../repo/history/log.ts'
import type { AuditedObject } from './audited-object.ts'
import { titleOf } from './audited-object.ts'
import type { Findings } from './finding.ts'

export type GapReason =
  | 'forgotten'
  | 'forgotten-damaged'
  | 'accepted'
  | 'destroyed'
  | 'interrupted'
  | 'damaged'
  | 'unreadable'
  | 'missing'

/** Numbers of a chain that no sound object has. */
export interface Gap {
  readonly from: number
  readonly to: number
  readonly reason: GapReason
  /** That explains it. */
  readonly record?: OpenedRecord
  /** Of what is missing. */
  readonly lost?: LostPart
  /** It lies in the trash, at least until then by the clock of the store, in milliseconds since 1970. */
  readonly restorableUntilMs?: number
}

/** What is known of a part of a chain that is missing. */
export interface LostPart {
  /** Which objects lay there, as far as others have seen them. */
  readonly known: readonly KnownPlace[]
  /** Numbers of which a copy lies in the trash. */
  readonly inTrash: readonly number[]
  /** The sound objects before and after it. */
  readonly before: AuditedObject | undefined
  readonly after: AuditedObject | undefined
}

/** A place of the chain that is known to have been taken. */
export interface KnownPlace {
  readonly seq: number
  readonly id: string
}

export interface ExplainedPlace extends KnownPlace {
  readonly record: OpenedRecord
  /** As in `Gap`. */
  readonly restorableUntilMs?: number
}

export interface UnsoundPlace extends KnownPlace {
  readonly objectName: string
  readonly reason: 'interrupted' | 'damaged' | 'unreadable'
}

/** Who has seen a place: another object, a checkpoint, this machine. */
export interface NamedPlace extends KnownPlace {
  readonly by: string
}

export interface Chain {
  readonly name: ChainName
  /** Hex. */
  readonly wid: string
  /** How people call the writer. */
  readonly writer: string
  readonly sound: readonly AuditedObject[]
  readonly explained: readonly ExplainedPlace[]
  readonly unsound: readonly UnsoundPlace[]
  readonly named: readonly NamedPlace[]
  /** Whether a copy of what was there lies in the trash. */
  readonly isInTrash: (place: KnownPlace) => boolean
}

export interface AuditedChain {
  readonly first: number
  readonly last: number
  /** How many sound objects it has. */
  readonly count: number
  readonly gaps: readonly Gap[]
}

const REASONS: Readonly<Partial<Record<LogAction['kind'], GapReason>>> = {
  'forget-damaged': 'forgotten-damaged',
  accept: 'accepted',
  destroy: 'destroyed',
}

/** Undefined when nothing is known of such a chain. */
export function auditChain(chain: Chain, findings: Findings): AuditedChain | undefined {
  const { sound, explained, unsound } = chain
  const bySeq = Map.groupBy(
    sound.toSorted((a, b) => a.seq - b.seq),
    ({ seq }) => seq,
  )
  findForks(chain, bySeq, findings)
  const missing = new Map<number, string>()
  const inTrash = new Set<number>()
  const known = new Map<string, KnownPlace>()
  const spokenOf = new Set<string>()
  for (const { seq, id, by } of evidenceOf(chain)) {
    spokenOf.add(id)
    if (isThere(bySeq.get(seq), id) || isThere(explained, id, seq) || isThere(unsound, id, seq)) continue
    const rival = bySeq.get(seq)?.[0]
    if (rival === undefined) {
      missing.set(seq, missing.get(seq) ?? by)
      known.set(id, { seq, id })
      if (chain.isInTrash({ seq, id })) inTrash.add(seq)
    } else findings.add('forked', rival.objectName, `${by} names another ${titleOf(chain.name, seq, chain.writer)}`)
  }
  const reasons = new Map<number, Gap>()
  const explain = (seq: number, reason: GapReason, why: Pick<Gap, 'record' | 'restorableUntilMs'> = {}) => {
    if (!bySeq.has(seq) && !reasons.has(seq)) reasons.set(seq, { from: seq, to: seq, reason, ...why })
  }
  for (const seq of missing.keys()) explain(seq, 'missing')
  for (const { seq, record, restorableUntilMs } of explained) {
    const why = { record, ...(restorableUntilMs !== undefined && { restorableUntilMs }) }
    explain(seq, REASONS[record.body.action.kind] ?? 'forgotten', why)
  }
  // Anybody can put something under a name: it counts where a sound object speaks of it, or where a backup would have put it.
  const next = [...bySeq.keys(), ...reasons.keys()].reduce((a, b) => Math.max(a, b), 0) + 1
  for (const { seq, id, reason } of unsound) if (spokenOf.has(id) || seq === next) explain(seq, reason)
  const numbers = [...bySeq.keys(), ...reasons.keys()].toSorted((a, b) => a - b)
  const last = numbers.at(-1)
  if (last === undefined) return undefined
  const isIn =
    ({ from, to }: Gap) =>
    ({ seq }: { readonly seq: number }) =>
      seq >= from && seq <= to
  const gaps = joined(withHoles(numbers, reasons)).map((gap): Gap => {
    if (gap.reason !== 'missing') return gap
    const lost: LostPart = {
      known: [...known.values()].filter(isIn(gap)),
      inTrash: [...inTrash].filter((seq) => isIn(gap)({ seq })),
      before: bySeq.get(numbers.findLast((seq) => seq < gap.from && bySeq.has(seq)) ?? 0)?.[0],
      after: bySeq.get(numbers.find((seq) => seq > gap.to && bySeq.has(seq)) ?? 0)?.[0],
    }
    return { ...gap, lost }
  })
  for (const gap of gaps)
    if (gap.reason === 'missing') findings.add('missing', prefixOf(chain), whatIsMissing(chain, gap, missing, inTrash))
  return { first: numbers[0]!, last, count: sound.length, gaps }
}

function findForks({ name, writer }: Chain, bySeq: ReadonlyMap<number, AuditedObject[]>, findings: Findings): void {
  for (const [seq, [one, ...rivals]] of bySeq) {
    for (const rival of rivals) {
      findings.add('forked', rival.objectName, `a second ${titleOf(name, seq, writer)} beside ${one!.objectName}`)
    }
  }
}

/** Everything that says what was in a place of the chain. */
function* evidenceOf({ name, writer, sound, named }: Chain): Generator<NamedPlace> {
  for (const { seq, previous } of sound) {
    if (previous !== undefined) yield { seq: seq - 1, id: previous, by: titleOf(name, seq, writer) }
  }
  yield* named
}

function isThere(places: readonly KnownPlace[] | undefined, id: string, seq?: number): boolean {
  return places?.some((place) => place.id === id && (seq === undefined || place.seq === seq)) === true
}

/** Numbers below the greatest that nothing speaks of are missing too: chains begin with 1 and have no holes. */
function* withHoles(known: readonly number[], reasons: ReadonlyMap<number, Gap>): Generator<Gap> {
  let next = 1
  for (const seq of known) {
    if (seq > next) yield { from: next, to: seq - 1, reason: 'missing' }
    const gap = reasons.get(seq)
    if (gap !== undefined) yield gap
    next = seq + 1
  }
}

function joined(gaps: Iterable<Gap>): Gap[] {
  const list: Gap[] = []
  for (const gap of gaps) {
    const before = list.at(-1)
    const isNext = before?.to === gap.from - 1 && before.reason === gap.reason && before.record === gap.record
    if (isNext && before.restorableUntilMs === gap.restorableUntilMs) {
      list[list.length - 1] = { ...before, to: gap.to }
    } else list.push(gap)
  }
  return list
}

function whatIsMissing(
  { name, writer }: Chain,
  { from, to }: Gap,
  missing: ReadonlyMap<number, string>,
  inTrash: ReadonlySet<number>,
): string {
  const what = from === to ? `${titleOf(name, from, writer)} is` : `${name}s ${from} to ${to} of ${writer} are`
  let by: string | undefined
  for (let seq = to; seq >= from && by === undefined && to - seq < WITNESSES_LOOKED_FOR; seq--) by = missing.get(seq)
  const seen = by === undefined ? '' : `; ${by} has seen ${from === to ? 'it' : 'them'}`
  const there = [...inTrash].filter((seq) => seq >= from && seq <= to)
  const trash = there.length === 0 ? '' : `; in the trash there is a copy of ${there.join(', ')}`
  return `${what} missing: no record says why${seen}${trash}`
}

/** Places of a gap in which somebody is looked for who has seen it. */
const WITNESSES_LOOKED_FOR = 1000

function prefixOf({ name, wid }: Chain): string {
  return name === 'snapshot' ? snapshotPrefix(wid) : logPrefix(wid)
}
