// What machines with wrong clocks, other names or bad intentions can do to the snapshots of others, and to their own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, utf8 } from '../../base/bytes.ts'
import { timespecFromMs } from '../../base/time.ts'
import type { RetentionPolicy } from '../../format/retention-policy.ts'
import type { SnapshotBody } from '../../format/snapshot.ts'
import type { OpenedRecord } from '../../repo/history/log.ts'
import { keyOfPlace } from '../../repo/history/log-facts.ts'
import type { Held } from '../../repo/history/retention-records.ts'
import { planRetention } from './plan.ts'
import type { Candidate, RetentionPlan } from './plan.ts'
import { findUnusual } from './unusual.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 5, 30, 12)
const ADA = 'aa'.repeat(16)
const EVE = 'ee'.repeat(16)
const DOMAIN = new Uint8Array(8)

type Made = Partial<Pick<SnapshotBody, 'host' | 'tags' | 'partial' | 'keepUntil' | 'destroyBy'>> & {
  readonly wid?: string
  readonly receivedMs: number
  /** What it says. */
  readonly claimedMs?: number
  readonly source?: string
  readonly confirmed?: boolean
}

let made = 0

function snapshot({
  wid = ADA,
  receivedMs,
  claimedMs = receivedMs,
  source = '/home',
  confirmed = true,
  ...body
}: Made) {
  made++
  const id = made.toString(16).padStart(64, '0')
  const ended = timespecFromMs(claimedMs)
  const full = {
    host: 'ada',
    tags: [],
    partial: false,
    sources: [utf8(source)],
    domainId: DOMAIN,
    started: ended,
    ended,
  }
  return { id, wid, seq: made, receivedMs, confirmed, body: { ...full, ...body } as unknown as SnapshotBody }
}

/** One a day, the last one today. */
function daily(days: number, more: Partial<Made> = {}) {
  return Array.from({ length: days }, (_, at) => snapshot({ receivedMs: NOW - (days - 1 - at) * DAY, ...more }))
}

const policy = (rules: Partial<RetentionPolicy>): RetentionPolicy => ({
  calendar: [],
  within: [],
  tags: [],
  groupBy: ['sources'],
  trashDays: 7,
  ...rules,
})
const KEEP_DAILY = policy({ calendar: [{ period: 'daily', count: 10, every: 1 }] })

interface Orders {
  readonly held?: ReadonlyMap<string, Held>
  readonly revoked?: readonly Candidate[]
  readonly nowMs?: number
}

function plan(snapshots: readonly Candidate[], by: RetentionPolicy = KEEP_DAILY, orders: Orders = {}) {
  const { held = new Map(), revoked = [], nowMs = NOW } = orders
  return planRetention({ snapshots, policiesOf: () => [by], held, isRevoked: (one) => revoked.includes(one), nowMs })
}

function keptIn({ groups }: RetentionPlan<Candidate>): Set<string> {
  return new Set(groups.flatMap(({ verdicts }) => verdicts.filter((v) => v.isKept).map((v) => v.snapshot.id)))
}

function assertAllKept(found: RetentionPlan<Candidate>, snapshots: readonly Candidate[]): void {
  const kept = keptIn(found)
  for (const { id } of snapshots) assert.ok(kept.has(id), id)
}

test('somebody who calls himself like another machine, with its sources and tags, pushes out nothing of it', () => {
  const good = daily(10)
  const flood = Array.from({ length: 500 }, (_, at) => snapshot({ wid: EVE, receivedMs: NOW + at }))
  for (const groupBy of [['sources'], ['host'], ['tags'], []] as RetentionPolicy['groupBy'][]) {
    const found = plan([...good, ...flood], { ...KEEP_DAILY, last: 10, groupBy })
    assertAllKept(found, good)
  }
})

test('a flood within a day pushes out no other day', () => {
  const good = daily(10)
  const flood = Array.from({ length: 500 }, (_, at) => snapshot({ receivedMs: NOW + at }))
  assertAllKept(plan([...good, ...flood]), good.slice(0, -1))
})

test('where a flood would push out older ones all the same, the run stops', () => {
  const good = daily(10)
  const flood = Array.from({ length: 20 }, (_, at) => snapshot({ receivedMs: NOW + at }))
  const found = plan([...good, ...flood], policy({ last: 10 }))
  const unusual = findUnusual(found, [], NOW).map(({ what }) => what)
  assert.ok(
    unusual.some((what) => /9 older snapshots would go because there are 21 of 2026-06-30, where 1 a day/.test(what)),
    unusual.join(),
  )
  const calm = plan(daily(11), policy({ last: 10 }))
  assert.deepEqual(findUnusual(calm, [], NOW), [])
})

test('a claimed time counts for nothing: back-dated and future-dated snapshots lie where the store received them', () => {
  const good = daily(10)
  const dated = [-400, -9, -5, 5, 400].map((days) => snapshot({ receivedMs: NOW - 1, claimedMs: NOW + days * DAY }))
  assertAllKept(plan([...good, ...dated]), good)
})

test('what the store received in the future pushes out nothing and is kept', () => {
  const good = daily(10)
  const ahead = Array.from({ length: 20 }, (_, at) => snapshot({ receivedMs: NOW + (at + 2) * DAY }))
  assertAllKept(plan([...good, ...ahead]), [...good, ...ahead])
})

test('partial, unconfirmed and revoked snapshots push out no good one', () => {
  const good = daily(10)
  const later = (more: Partial<Made>) => daily(10, more).map((each) => ({ ...each, receivedMs: each.receivedMs + 1 }))
  assertAllKept(plan([...good, ...later({ partial: true })]), good)
  assertAllKept(plan([...good, ...later({ confirmed: false })]), good)
  const revoked = later({})
  assertAllKept(plan([...good, ...revoked], KEEP_DAILY, { revoked }), [...good, ...revoked])
})

test('no policy removes nothing, and two at once keep what either keeps', () => {
  const all = daily(40)
  const none = planRetention({
    snapshots: all,
    policiesOf: () => [],
    held: new Map(),
    isRevoked: () => false,
    nowMs: NOW,
  })
  assertAllKept(none, all)
  const [few, many] = [policy({ last: 2 }), policy({ calendar: [{ period: 'weekly', count: 4, every: 1 }] })]
  const both = planRetention({
    snapshots: all,
    policiesOf: () => [few, many],
    held: new Map(),
    isRevoked: () => false,
    nowMs: NOW,
  })
  assert.deepEqual(keptIn(both), keptIn(plan(all, few)).union(keptIn(plan(all, many))))
})

test('a pause of years, or a clock that is years ahead, removes nothing', () => {
  const all = daily(60)
  const rules = policy({ within: [{ span: { years: 0, months: 0, days: 30, hours: 0 } }] })
  const kept = keptIn(plan(all, rules))
  assert.equal(kept.size, 31)
  for (const years of [1, 10]) assert.deepEqual(keptIn(plan(all, rules, { nowMs: NOW + years * 366 * DAY })), kept)
})

test('holds are stronger than dates to be gone by, those than rules; both dates end', () => {
  const all = daily(5)
  const [first, second, third] = all as [Candidate, Candidate, Candidate]
  const record = {} as OpenedRecord
  const order = (more: Partial<Held>): Held => ({
    orders: [],
    holds: [],
    keepUntilMs: undefined,
    destroyByMs: undefined,
    ...more,
  })
  const held = new Map([
    [keyOfPlace(first.wid, first.seq, first.id), order({ holds: [record], destroyByMs: NOW })],
    [keyOfPlace(second.wid, second.seq, second.id), order({ keepUntilMs: NOW + DAY, destroyByMs: NOW })],
    [keyOfPlace(third.wid, third.seq, third.id), order({ destroyByMs: NOW + 7 * DAY })],
  ])
  const one = policy({ last: 1 })
  const reasonsAt = (nowMs: number) => {
    const { verdicts } = plan(all, one, { held, nowMs }).groups[0]!
    return verdicts
      .toReversed()
      .map(({ isKept, reasons: [why = ''] }) => `${isKept ? 'stays' : 'goes'} ${why}`.replace(/ 20.*/, ''))
  }
  assert.deepEqual(reasonsAt(NOW), ['stays held', 'stays keep until', 'goes destroy by', 'goes ', 'stays newest'])
  assert.deepEqual(reasonsAt(NOW - 1), ['stays held', 'stays keep until', 'goes ', 'goes ', 'stays newest'])
  assert.deepEqual(reasonsAt(NOW + 2 * DAY).slice(0, 2), ['stays held', 'goes destroy by'])
})

test('in a store that is a copy the claimed times count, in the order of each chain', () => {
  const copied = Array.from({ length: 30 }, (_, at) => snapshot({ receivedMs: NOW, claimedMs: NOW - (40 - at) * DAY }))
  const bob = Array.from({ length: 3 }, (_, at) =>
    snapshot({ wid: 'bb'.repeat(16), receivedMs: NOW, claimedMs: NOW - (40 - at) * DAY }),
  )
  // A liar among them goes back behind the one before it.
  const liar = snapshot({ receivedMs: NOW, claimedMs: NOW - 300 * DAY })
  const found = plan([...copied, ...bob, liar])
  assert.equal(found.isCopy, true)
  assert.equal(keptIn(found).size, 10 + 3)
  const times = found.groups.flatMap(({ verdicts }) => verdicts.filter((v) => v.snapshot === liar).map((v) => v.timeMs))
  assert.deepEqual(times, [NOW - 11 * DAY])
})

test('one writer who dates all of its snapshots back does not make a copy of the store', () => {
  const good = daily(10)
  const lies = Array.from({ length: 100 }, () => snapshot({ wid: EVE, receivedMs: NOW, claimedMs: NOW - 300 * DAY }))
  const found = plan([...good, ...lies])
  assert.equal(found.isCopy, false)
  assertAllKept(found, good)
})

test('much of a group, or several of a machine that is silent, is unusual; what was done before is not', () => {
  const all = daily(20)
  const one = policy({ last: 1 })
  const texts = (forgets: readonly OpenedRecord[], nowMs = NOW) =>
    findUnusual(plan(all, one), forgets, nowMs).map(({ what }) => what)
  assert.match(texts([]).join(), /^19 of 20 snapshots would go; none was ever forgotten$/)
  const few = (count: number) => findUnusual(plan(daily(count), one), [], NOW).map(({ what }) => what)
  assert.deepEqual([few(5), few(6)], [[], ['5 of 6 snapshots would go; none was ever forgotten']])
  const before = (count: number) => {
    const snapshots = Array.from({ length: count }, (_, seq) => ({ wid: fromHex(ADA)!, seq, hash: new Uint8Array(32) }))
    return { body: { action: { kind: 'forget', snapshots } } } as unknown as OpenedRecord
  }
  assert.match(texts([before(9)]).join(), /never more than 9 were forgotten at once/)
  assert.deepEqual(texts([before(3), before(10)]), [])
  assert.match(
    texts([before(10)], NOW + 31 * DAY).join(),
    /19 snapshots would go that nothing has followed for 31 days/,
  )
})
