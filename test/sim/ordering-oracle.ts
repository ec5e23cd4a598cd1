// Checks what the processes of a simulated world did against the rules on order of docs/format.md, section 10, as far as
// the names of objects tell. W3 (blocks were opened again) and W8 (what counts as stored) need the contents: their tests
// are with the backup pipeline.
//
// "Acknowledged before" means that one operation ended well before the other began: what overlaps is not ordered.
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import { recalledNames } from './maintenance-order.ts'

export interface OracleOptions {
  /** Which actors are writers; the default is every one that put a session intent, a pack, an index or a snapshot. */
  readonly isWriter?: (actor: string) => boolean
  /** Names of the packs in an index segment, if the test can open it; makes W4 exact. */
  readonly packsOf?: (indexName: string) => readonly string[] | undefined
}

/** A broken rule. */
export class OrderViolation extends Error {
  override readonly name = 'OrderViolation'
  readonly rule: string
  constructor(rule: string, what: string, operation: Operation) {
    super(
      `${rule} broken by ${operation.actor}: ${what}: ${operation.kind} ${operation.name} (event ${operation.began})`,
    )
    this.rule = rule
  }
}

/** Mark by which the code under test says that it reported success (W6). */
export const SUCCESS = 'success'

/** Throws an OrderViolation for the first rule that a writer in the log broke. */
export function checkOrder(log: OperationLog, opts: OracleOptions = {}): void {
  const actors = new Set(log.operations.map((operation) => operation.actor))
  for (const actor of actors) {
    const all = log.operations.filter((operation) => operation.actor === actor)
    // What is forgotten or brought back has rules of its own (maintenance-order.ts).
    const recalled = recalledNames(all)
    const own = all.filter(({ kind, name }) => !(kind === 'put' && recalled.has(name)) && !isForget(kind, name))
    if (!(opts.isWriter?.(actor) ?? own.some(writes))) continue
    checkNeverDeletes(own)
    for (const session of sessionsOf(own)) checkSession(session, opts)
  }
}

function isForget(kind: Operation['kind'], name: string): boolean {
  return kind === 'delete' && /^(?:snap|trash)\//.test(name)
}

/** What one actor did from the put of a session's intent to the next. */
interface Session {
  /** Name of the intent. */
  readonly intent: string
  readonly operations: readonly Operation[]
}

const INTENT = /^sess\/[0-9a-z]+$/
const PACK = /^(?:data|meta)\//

function writes(operation: Operation): boolean {
  return isPut(operation, INTENT) || isPut(operation, PACK) || isPut(operation, /^(?:index|snap)\//)
}

function sessionsOf(operations: readonly Operation[]): Session[] {
  const sessions: Session[] = []
  let current: { intent: string; operations: Operation[] } | undefined
  for (const operation of operations) {
    // A second put of one intent is a retry.
    if (isPut(operation, INTENT) && operation.name !== current?.intent) {
      current = { intent: operation.name, operations: [] }
      sessions.push(current)
    }
    if (current === undefined && writes(operation)) {
      throw new OrderViolation('W1', 'put before any session intent', operation)
    }
    current?.operations.push(operation)
  }
  return sessions
}

function checkSession(session: Session, opts: OracleOptions): void {
  for (const operation of session.operations) {
    if (isPut(operation, PACK)) {
      checkPlansWereRead(session, operation)
      checkKeysAreStored(session, operation)
    }
    if (isPut(operation, /^index\//)) checkPacksAreStored(session, operation, opts)
    if (isPut(operation, /^snap\//)) checkSnapshot(session, operation)
    if (isEnd(session, operation) || (operation.kind === 'mark' && operation.name === SUCCESS)) {
      checkIntentWasSeen(session, operation)
    }
    if (isPut(operation, /./)) checkNotAfterEnd(session, operation)
  }
}

/** W1: intent acknowledged, then all plans listed and read, then the whole index listed, before anything is stored. */
function checkPlansWereRead(session: Session, use: Operation): void {
  const intent = acknowledged(session, use, (operation) => operation.name === session.intent)[0]
  if (intent === undefined) throw new OrderViolation('W1', 'the intent is not acknowledged', use)
  const plans = wholeLists(session, 'gc/').filter((list) => list.began > intent.ended!)
  const index = wholeLists(session, 'index/').filter((list) => list.ended < use.began)
  const ordered = plans.some((plan) => index.some((list) => plansRead(session, plan, list.began)))
  if (!ordered) {
    throw new OrderViolation(
      'W1',
      'not preceded by intent, list and reading of plans, list of the index in this order',
      use,
    )
  }
}

function plansRead(session: Session, plans: WholeList, before: number): boolean {
  if (plans.ended > before) return false
  return plans.names.every((name) =>
    session.operations.some((look) => {
      if (look.began < plans.ended || !endedWell(look) || look.ended! > before) return false
      return look.kind === 'get' ? look.name === name : showsAbsence(look, name)
    }),
  )
}

/** A list on which the object would be if it were still there: a plan that was carried out meanwhile need not be read. */
function showsAbsence(list: Operation, name: string): boolean {
  const whole = list.cursor === undefined && list.next === undefined
  return list.kind === 'list' && whole && name.startsWith(list.name) && !list.names.includes(name)
}

/** W2: the session's keys are acknowledged before a pack is put. */
function checkKeysAreStored(session: Session, pack: Operation): void {
  const keys = session.intent.replace('sess/', 'skeys/')
  if (acknowledged(session, pack, (operation) => operation.name === keys).length === 0) {
    throw new OrderViolation('W2', `${keys} is not acknowledged`, pack)
  }
}

/**
 * W4: every pack that an index segment names is acknowledged: put, or kept as it was; without the names, at least one new one
 * must be.
 */
function checkPacksAreStored(session: Session, index: Operation, opts: OracleOptions): void {
  const stored = acknowledged(session, index, isPack)
  const named = opts.packsOf?.(index.name)
  if (named !== undefined) {
    const kept = session.operations.filter(
      (each) => each.kind === 'keep' && endedWell(each) && each.found && each.ended! < index.began,
    )
    const missing = named.find((name) => ![...stored, ...kept].some((pack) => pack.name === name))
    if (missing !== undefined) throw new OrderViolation('W4', `names ${missing}, which is not acknowledged`, index)
  } else if (stored.length === 0) {
    throw new OrderViolation('W4', 'no pack is acknowledged that it could name', index)
  }
}

/** W4 and W5: at a snapshot nothing of the session is under way, and every pack was there before some index segment. */
function checkSnapshot(session: Session, snapshot: Operation): void {
  checkPlansWereRead(session, snapshot)
  const before = session.operations.filter((operation) => operation.began < snapshot.began)
  for (const put of before.filter((operation) => isPut(operation, /^(?:index|data|meta)\//))) {
    if (put.ended === undefined || put.ended > snapshot.began) {
      throw new OrderViolation('W5', `${put.name} is not acknowledged`, snapshot)
    }
  }
  const segments = acknowledged(session, snapshot, (operation) => operation.name.startsWith('index/'))
  for (const segment of before.filter((operation) => isPut(operation, /^index\//))) {
    if (!segments.some((each) => each.name === segment.name)) {
      throw new OrderViolation('W5', `${segment.name} failed and was not put again`, snapshot)
    }
  }
  for (const pack of acknowledged(session, snapshot, isPack)) {
    if (!segments.some((segment) => segment.began > pack.ended!)) {
      throw new OrderViolation('W4', `no index segment was put after ${pack.name} was acknowledged`, snapshot)
    }
  }
}

/** W6: after the last snapshot was acknowledged the intent was seen again; W7: only then comes the end. */
function checkIntentWasSeen(session: Session, use: Operation): void {
  const snapshots = session.operations.filter((operation) => isPut(operation, /^snap\//) && operation.began < use.began)
  // A session that is given up has no snapshot to confirm.
  if (snapshots.length === 0) return
  const rule = use.kind === 'mark' ? 'W6' : 'W7'
  const last = acknowledged(session, use, (operation) => operation.name.startsWith('snap/')).at(-1)
  if (last === undefined) throw new OrderViolation(rule, 'no snapshot is acknowledged', use)
  const seen = session.operations.some(
    (look) =>
      (look.kind === 'get' || look.kind === 'stat') &&
      look.name === session.intent &&
      endedWell(look) &&
      look.found &&
      look.began > last.ended! &&
      look.ended! < use.began,
  )
  if (!seen) throw new OrderViolation(rule, 'the intent was not seen again after the snapshot was acknowledged', use)
}

/** W7: nothing is stored in a session once its end was put. */
function checkNotAfterEnd(session: Session, put: Operation): void {
  const end = session.operations.find((operation) => isEnd(session, operation) && operation.began < put.began)
  if (end !== undefined && put.name !== end.name)
    throw new OrderViolation('W7', 'put after the end of the session', put)
}

/** W9: a writer deletes nothing and never puts other bytes under a name that it used. */
function checkNeverDeletes(operations: readonly Operation[]): void {
  const digests = new Map<string, string | undefined>()
  for (const operation of operations) {
    if (operation.kind === 'delete') throw new OrderViolation('W9', 'a writer deletes', operation)
    if (operation.kind !== 'put') continue
    const before = digests.get(operation.name)
    if (before !== undefined && before !== operation.digest) {
      throw new OrderViolation('W9', 'a writer puts other bytes under the same name', operation)
    }
    digests.set(operation.name, operation.digest)
  }
}

interface WholeList {
  readonly began: number
  readonly ended: number
  readonly names: readonly string[]
}

/** Lists of all names below `folder`, with all their pages. */
export function wholeLists(session: Pick<Session, 'operations'>, folder: string): WholeList[] {
  const lists = session.operations.filter(
    (list) => list.kind === 'list' && folder.startsWith(list.name) && endedWell(list),
  )
  const whole: WholeList[] = []
  for (const first of lists.filter((list) => list.cursor === undefined)) {
    const names = [...first.names]
    let last: Operation | undefined = first
    while (last?.next !== undefined) {
      const { next, ended }: Operation = last
      last = lists.find((list) => list.cursor === next && list.name === first.name && list.began > ended!)
      names.push(...(last?.names ?? []))
    }
    if (last === undefined) continue
    whole.push({ began: first.began, ended: last.ended!, names: names.filter((name) => name.startsWith(folder)) })
  }
  return whole
}

/** Puts of the session that ended well before `use` began. */
function acknowledged(session: Session, use: Operation, which: (put: Operation) => boolean): Operation[] {
  return session.operations.filter(
    (operation) => operation.kind === 'put' && which(operation) && endedWell(operation) && operation.ended! < use.began,
  )
}

function endedWell(operation: Operation): boolean {
  return operation.outcome === 'ok'
}

function isPack(operation: Operation): boolean {
  return PACK.test(operation.name)
}

function isEnd(session: Session, operation: Operation): boolean {
  return operation.kind === 'put' && operation.name === `${session.intent}.end`
}

function isPut(operation: Operation, name: RegExp): boolean {
  return operation.kind === 'put' && name.test(operation.name)
}
