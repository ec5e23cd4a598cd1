// The rules on order for pruning (docs/format.md, section 10, M1 to M9), of what each prune in a simulated world did and saw.
import { toHex } from '../../src/base/bytes.ts'
import { readSnapshotHead } from '../../src/format/snapshot.ts'
import { readPlans } from '../../src/repo/packs/condemned.ts'
import type { ListedPlan } from '../../src/repo/packs/condemned.ts'
import {
  packName,
  parseObjectName,
  PREFIXES,
  sessionEndName,
  sessionKeysName,
  sessionName,
} from '../../src/format/names.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { listAll } from '../../src/store/store.ts'
import { OrderViolation, wholeLists } from './ordering-oracle.ts'
import { Passing } from '../../src/store/passing-store.ts'

/** Keeps what is small and is put: others may have deleted it when its order is looked at. */
export class SmallPutKeeper extends Passing {
  readonly #kept: MemoryStore
  /** There where the other one can. */
  readonly replace?: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>

  constructor(inner: Store, kept: MemoryStore) {
    super(inner)
    this.#kept = kept
    if (inner.replace !== undefined) this.replace = (name, parts) => inner.replace!(name, parts)
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    await this.remember(name, parts)
    return super.put(name, parts)
  }

  protected async remember(name: string, parts: readonly Uint8Array[]): Promise<void> {
    if (isSmall(name)) await this.#kept.put(name, parts)
  }
}

/** Also what is read, where nothing reads wrongly. */
export class SmallObjectKeeper extends SmallPutKeeper {
  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    await this.remember(name, [bytes])
    return bytes
  }
}

/** A store for SmallObjectKeepers, with what is there already. */
export async function keptFrom(objects: Store): Promise<MemoryStore> {
  const kept = new MemoryStore()
  for await (const { name } of listAll(objects, '')) if (isSmall(name)) await kept.put(name, [await objects.get(name)])
  return kept
}

function isSmall(name: string): boolean {
  return !/^(?:data|meta)\//.test(name)
}

export interface PruneEvidence {
  readonly log: OperationLog
  /** Who pruned; what one machine does in several processes it does in its own order. */
  readonly machines: readonly ((actor: string) => boolean)[]
  /** The repository over what a SmallObjectKeeper kept. */
  readonly kept: Repository
}

interface Contents {
  /** By name. */
  readonly plans: ReadonlyMap<string, Pick<ListedPlan, 'packs' | 'sessions'>>
  /** Names of packs, by name of the segment. */
  readonly segments: ReadonlyMap<string, readonly string[]>
  /** Names of snapshots by session, hex. */
  readonly snapshots: ReadonlyMap<string, readonly string[]>
}

/** Throws an OrderViolation for the first rule that a prune broke; gives how many deletions it has looked at. */
export async function checkPruneOrder({ log, machines, kept }: PruneEvidence): Promise<number> {
  const contents = await contentsOf(kept)
  let deletions = 0
  for (const isOwn of machines) {
    const own = log.operations.filter(({ actor }) => isOwn(actor))
    for (const operation of own.filter(({ kind }) => kind === 'delete')) {
      deletions++
      const kind = parseObjectName(operation.name)?.kind
      if (kind === 'pack') checkPackDeletion(own, operation, contents)
      else if (kind === 'plan') checkPlanDeletion(own, operation, contents)
      else if (kind === 'index') checkSegmentDeletion(own, operation, contents)
      else if (kind === 'session-keys') checkKeysDeletion(own, operation, contents)
      else if (kind === 'session') checkIntentDeletion(log, own, operation)
    }
    for (const put of own.filter(({ kind, name }) => kind === 'put' && name.startsWith(PREFIXES.index))) {
      checkSegmentPut(own, put, contents)
    }
  }
  return deletions
}

function checkPackDeletion(own: readonly Operation[], removal: Operation, contents: Contents): void {
  const plans = [...contents.plans].flatMap(([name, { packs }]) => (packs.has(removal.name) ? [name] : []))
  const broken = brokenRule(own, plans, removal, contents)
  if (broken !== undefined) throw new OrderViolation(broken, BROKEN[broken], removal)
  const index = wholeLists({ operations: own }, PREFIXES.index).findLast(({ ended }) => ended < removal.began)
  for (const segment of index?.names ?? []) {
    if (contents.segments.get(segment)?.includes(removal.name) !== true) continue
    if (isAcknowledged(own, 'delete', segment, removal.began)) continue
    throw new OrderViolation('M4', `${segment} still names it`, removal)
  }
}

const BROKEN = {
  M1: 'no plan for it was acknowledged before the sessions were listed',
  M2: 'not all sessions that were there after the plan are over',
  M3: 'what is needed was not looked at again since the sessions are over',
} as const

/** M1, M2 and M3 for what one of these plans condemns: the first rule that is broken by all of them; undefined for none. */
function brokenRule(
  own: readonly Operation[],
  plans: readonly string[],
  removal: Operation,
  contents: Contents,
): keyof typeof BROKEN | undefined {
  const puts = own.filter(({ kind, name, outcome }) => kind === 'put' && plans.includes(name) && outcome === 'ok')
  let broken: keyof typeof BROKEN = 'M1'
  for (const put of puts) {
    // The first look at sessions after a plan tells for whom it waits; what is remembered of it holds for later runs.
    const sessions = wholeLists({ operations: own }, PREFIXES.sessions).find(({ began }) => began > put.ended!)
    if (sessions === undefined || sessions.ended > removal.began) continue
    const sids = sessions.names.flatMap((name) => {
      const parsed = parseObjectName(name)
      return parsed?.kind === 'session' ? [parsed.sid] : []
    })
    const over = sids.map((sid) => overSince(own, sid, sessions.began, contents))
    const waited = Math.max(sessions.ended, ...over)
    if (waited < removal.began && wasLookedAtAgain(own, waited, removal.began)) return undefined
    if (broken !== 'M3') broken = waited < removal.began ? 'M3' : 'M2'
  }
  return broken
}

/** When it was seen for the first time that nothing comes from a session any more; infinity if it never was. */
function overSince(own: readonly Operation[], sid: string, since: number, { snapshots }: Contents): number {
  const committed = snapshots.get(sid) ?? []
  const seen = own.filter((operation) => {
    const { kind, name, outcome, found, names } = operation
    if (outcome !== 'ok') return false
    if (kind === 'delete') return name === sessionName(sid)
    if (kind === 'get') return found && name === sessionEndName(sid)
    return kind === 'list' && committed.some((snapshot) => names.includes(snapshot))
  })
  return Math.min(Infinity, ...seen.map(({ began, ended }) => (ended! > since ? ended! : began)))
}

/** M3: the log, trash, snapshots, trash again, the log again, then plans, then the index, then the packs. */
function wasLookedAtAgain(own: readonly Operation[], after: number, before: number): boolean {
  const { log, trash, snapshots, plans, index, meta } = PREFIXES
  return wereListed(own, [log, trash, snapshots, trash, log, plans, index, meta], after, before)
}

function wereListed(own: readonly Operation[], folders: readonly string[], after: number, before: number): boolean {
  let at = after
  for (const folder of folders) {
    const list = wholeLists({ operations: own }, folder).find(({ began }) => began > at)
    if (list === undefined || list.ended > before) return false
    at = list.ended
  }
  return true
}

/** M5: a plan goes when all of its packs and keys are gone. */
function checkPlanDeletion(own: readonly Operation[], removal: Operation, { plans }: Contents): void {
  const { packs, sessions } = plans.get(removal.name) ?? { packs: [], sessions: [] }
  for (const name of [...packs, ...[...sessions].map((sid) => sessionKeysName(sid))]) {
    if (!isAcknowledged(own, 'delete', name, removal.began)) {
      throw new OrderViolation('M5', `${name} was not deleted before`, removal)
    }
  }
}

/** M4: what takes the place of a segment was put and read back, unless somebody else has seen to that. */
function checkSegmentDeletion(own: readonly Operation[], removal: Operation, { segments, plans }: Contents): void {
  const last = own.findLast(({ kind, name, began }) => kind === 'get' && name === removal.name && began < removal.began)
  if (last?.outcome === 'failed') return
  const readBack = own.filter(
    ({ kind, name, outcome, ended }) =>
      kind === 'put' && outcome === 'ok' && segments.has(name) && name !== removal.name && ended! < removal.began,
  )
  const named = new Set(
    readBack
      .filter((put) => own.some((get) => isRead(get, put.name) && get.began > put.ended! && get.ended! < removal.began))
      .flatMap(({ name }) => segments.get(name)!),
  )
  for (const pack of segments.get(removal.name) ?? []) {
    if (named.has(pack)) continue
    // Condemned packs are left out before they are deleted: a process may die in between.
    const condemning = [...plans].flatMap(([plan, { packs }]) => (packs.has(pack) ? [plan] : []))
    if (condemning.some((plan) => isAcknowledged(own, 'put', plan, removal.began))) continue
    throw new OrderViolation('M4', `${pack} is named by no segment that was put and read back`, removal)
  }
}

/** M4: packs that a prune has made were read back before a segment names them. */
function checkSegmentPut(own: readonly Operation[], segment: Operation, { segments }: Contents): void {
  for (const pack of segments.get(segment.name) ?? []) {
    const put = own.find(({ kind, name, found }) => kind === 'put' && name === pack && found)
    if (put === undefined) continue
    const readBack = own.some((get) => isRead(get, pack) && get.began > put.ended! && get.ended! < segment.began)
    if (!readBack) throw new OrderViolation('M4', `${pack} was not read back`, segment)
  }
}

/** M9: a plan names them, which was put and waited for; then it was looked which packs and snapshots are there. */
function checkKeysDeletion(own: readonly Operation[], removal: Operation, contents: Contents): void {
  const sid = removal.name.slice(PREFIXES.sessionKeys.length)
  const plans = [...contents.plans].flatMap(([name, { sessions }]) => (sessions.has(sid) ? [name] : []))
  const broken = brokenRule(own, plans, removal, contents)
  if (broken !== undefined) throw new OrderViolation('M9', BROKEN[broken], removal)
}

/** M7: the end of a session is acknowledged before its intent goes, unless the session is fenced. */
function checkIntentDeletion({ operations }: OperationLog, own: readonly Operation[], removal: Operation): void {
  // Somebody else had taken it away, and whoever waits for the session has that acknowledged (M2).
  if (removal.outcome === 'ok' && !removal.found) return
  const end = sessionEndName(removal.name.slice(PREFIXES.sessions.length))
  // A part of an end, which a put has left that failed, says nothing: who has read it may fence the session.
  const whole = operations.find(({ kind, name }) => kind === 'put' && name === end)?.bytes
  // What showed to an earlier process a power cut may have taken away since.
  const seen = own.some(({ actor, kind, name, ended, bytes }) => {
    return actor === removal.actor && kind === 'get' && name === end && ended! < removal.began && bytes === whole
  })
  if (seen && !isAcknowledged(own, 'put', end, removal.began)) {
    throw new OrderViolation('M7', 'its end is not acknowledged', removal)
  }
}

function isAcknowledged(own: readonly Operation[], kind: Operation['kind'], name: string, before: number): boolean {
  return own.some((each) => each.kind === kind && each.name === name && each.outcome === 'ok' && each.ended! < before)
}

function isRead({ kind, name, outcome }: Operation, wanted: string): boolean {
  return kind === 'get' && name === wanted && outcome === 'ok'
}

async function contentsOf(kept: Repository): Promise<Contents> {
  const plans = new Map((await readPlans(kept)).map((plan) => [plan.name, plan]))
  const segments = new Map<string, readonly string[]>()
  const snapshots = new Map<string, string[]>()
  let cursor: string | undefined
  do {
    const page = await kept.store.list('', cursor)
    for (const { name } of page.objects) {
      const parsed = parseObjectName(name)
      if (parsed?.kind === 'index') {
        // One that it read just before it died, and whose writer it did not come to know.
        const segment = await kept.readSegment(name).catch(() => undefined)
        if (segment === undefined) continue
        segments.set(
          name,
          segment.packs.map(({ kind, hash }) => packName(kind, hash)),
        )
      } else if (parsed?.kind === 'snapshot' || parsed?.kind === 'trash') {
        const sid = toHex(readSnapshotHead(await kept.store.get(name), name, kept.id).sid)
        snapshots.set(sid, [...(snapshots.get(sid) ?? []), name])
      }
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  return { plans, segments, snapshots }
}
