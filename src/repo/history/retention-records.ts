// What the log says of retention: the policies in force and what is held, each as far as nothing later has undone it.
import { toHex } from '../../base/bytes.ts'
import { timespecToMs } from '../../base/time.ts'
import type { LogAction, Rewritten } from '../../format/log-record.ts'
import type { RetentionPolicy } from '../../format/retention-policy.ts'
import { hasSeen, placeKey } from './log-facts.ts'
import type { OpenedRecord } from './log.ts'
import type { LogFacts } from './log-facts.ts'
import { TRASH_DAYS } from './trash.ts'

/** A policy of a domain, and the record that it stands in. */
export interface PolicyInForce {
  /** Hex. */
  readonly domainId: string
  readonly policy: RetentionPolicy
  readonly record: OpenedRecord
}

/** What was ordered for one snapshot. */
export interface Held {
  /** All that stand, in order of name. */
  readonly orders: readonly OpenedRecord[]
  /** Records by which it is kept until they are released. */
  readonly holds: readonly OpenedRecord[]
  /** The latest of all, in milliseconds since 1970. */
  readonly keepUntilMs: number | undefined
  /** The earliest of all. */
  readonly destroyByMs: number | undefined
}

type HoldAction = Extract<LogAction, { kind: 'hold' }>

export class RetentionRecords {
  /** Of each domain those that no later one has seen: one, unless two were set at the same moment. */
  readonly policies: readonly PolicyInForce[]
  /** By `placeKey`. */
  readonly held = new Map<string, Held>()
  /** What took the place of which snapshot, by `placeKey` of the new one. */
  readonly rewritten = new Map<string, Rewritten>()
  /** Records of kind forget, in order of name. */
  readonly forgets: readonly OpenedRecord[]

  constructor({ effective }: Pick<LogFacts, 'effective'>) {
    this.forgets = effective.filter(({ body }) => body.action.kind === 'forget')
    this.policies = inForce(effective)
    for (const { body } of effective) {
      if (body.action.kind !== 'rewrite') continue
      for (const each of body.action.rewritten) this.rewritten.set(placeKey(each.to), each)
    }
    const byPlace = new Map<string, { record: OpenedRecord; action: HoldAction }[]>()
    for (const record of effective) {
      const { action } = record.body
      if (action.kind !== 'hold') continue
      for (const place of action.snapshots) {
        const key = placeKey(place)
        byPlace.set(key, [...(byPlace.get(key) ?? []), { record, action }])
      }
    }
    for (const [key, orders] of byPlace) {
      const held = heldBy(orders)
      if (held !== undefined) this.held.set(key, held)
    }
  }

  /** How long what is forgotten can be brought back: what the policies say, of several the most. */
  get trashDays(): number {
    return this.policies.length === 0 ? TRASH_DAYS : Math.max(...this.policies.map(({ policy }) => policy.trashDays))
  }

  /** Whose snapshot it was that this one goes back to, hex, and when the store had received that. */
  originOf(key: string): { readonly wid: string; readonly receivedMs: number } | undefined {
    let origin: Rewritten | undefined
    const seen = new Set<string>()
    for (let at = key; !seen.has(at);) {
      seen.add(at)
      const before = this.rewritten.get(at)
      if (before === undefined) break
      origin = before
      at = placeKey(before.from)
    }
    return origin && { wid: toHex(origin.from.wid), receivedMs: timespecToMs(origin.received) }
  }

  policiesOf(domainId: Uint8Array): readonly RetentionPolicy[] {
    const id = toHex(domainId)
    return this.policies.filter((each) => each.domainId === id).map(({ policy }) => policy)
  }
}

function inForce(records: readonly OpenedRecord[]): PolicyInForce[] {
  const policies = records.flatMap((record) => {
    const { action } = record.body
    return action.kind === 'policy' ? [{ domainId: record.domainId, policy: action.policy, record }] : []
  })
  return policies.filter(
    (each) => !policies.some((later) => later.domainId === each.domainId && hasSeen(later.record, each.record)),
  )
}

function heldBy(orders: readonly { readonly record: OpenedRecord; readonly action: HoldAction }[]): Held | undefined {
  const releases = orders.filter(({ action }) => action.hold === 'release')
  const standing = orders.filter(
    ({ record, action }) => action.hold !== 'release' && !releases.some((release) => hasSeen(release.record, record)),
  )
  if (standing.length === 0) return undefined
  const times = (hold: HoldAction['hold']) =>
    standing.flatMap(({ action }) => (action.hold === hold && 'time' in action ? [timespecToMs(action.time)] : []))
  const [until, by] = [times('keep-until'), times('destroy-by')]
  return {
    orders: standing.map(({ record }) => record),
    holds: standing.filter(({ action }) => action.hold === 'keep').map(({ record }) => record),
    keepUntilMs: until.length === 0 ? undefined : Math.max(...until),
    destroyByMs: by.length === 0 ? undefined : Math.min(...by),
  }
}
