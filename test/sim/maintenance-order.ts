// The rules on order for forgetting, bringing back and purging (docs/format.md, section 10): L1, L2, T1, T2 and T4, as far as the
// names of objects tell.
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import { OrderViolation, wholeLists } from './ordering-oracle.ts'

/** Throws an OrderViolation for the first rule that somebody broke who forgot a snapshot, brought one back or purged. */
export function checkMaintenanceOrder({ operations }: OperationLog): void {
  for (const own of Map.groupBy(operations, ({ actor }) => actor).values()) {
    const recalled = recalledNames(own)
    for (const operation of own) {
      const { kind, name } = operation
      if (kind === 'delete' && name.startsWith('snap/')) checkForget(own, operation)
      if (kind === 'delete' && name.startsWith('trash/')) checkPurge(own, operation)
      // Who makes backups reads his newest snapshot where it lies, also after he has put it and somebody has forgotten it.
      if (kind === 'put' && recalled.has(name) && wasRead(own, operation)) checkRecall(own, operation)
      if (kind === 'delete' && name.startsWith('log/')) throw new OrderViolation('L2', 'a record is deleted', operation)
    }
  }
}

/** Names of snapshots that an actor put again out of the trash: no backup made them. */
export function recalledNames(own: readonly Operation[]): Set<string> {
  return new Set(
    own.flatMap(({ kind, name }) => (kind === 'get' && name.startsWith('trash/') ? [snapshotOf(name)] : [])),
  )
}

/**
 * T1: a copy in the trash is acknowledged, the snapshot is seen after that, then the record is acknowledged (L1) and the copy seen
 * again, then the snapshot is deleted.
 */
function checkForget(own: readonly Operation[], removal: Operation): void {
  const copies = acknowledged(own, removal).filter((put) => isCopy(put, removal.name))
  if (copies.length === 0) throw new OrderViolation('T1', 'no copy in the trash is acknowledged', removal)
  const looks = seen(own, removal)
  const vouched = copies.filter((copy) => looks.some((look) => look.name === removal.name && isAfter(look, copy)))
  if (vouched.length === 0) throw new OrderViolation('T1', 'the snapshot was not seen since its copy was put', removal)
  const records = acknowledged(own, removal).filter(({ name }) => name.startsWith('log/'))
  const named = vouched.flatMap((copy) =>
    records.flatMap((record) => (isAfter(record, copy) ? [{ copy, record }] : [])),
  )
  if (named.length === 0) {
    throw new OrderViolation('L1', 'no record is acknowledged since the copy in the trash was', removal)
  }
  if (named.some(({ copy, record }) => looks.some((look) => look.name === copy.name && isAfter(look, record)))) return
  throw new OrderViolation('T1', 'the copy was not seen since the record was put', removal)
}

/** T2: another copy is put, then one of those before is seen, then the snapshot is put. */
function checkRecall(own: readonly Operation[], put: Operation): void {
  const copies = acknowledged(own, put).filter((each) => isCopy(each, put.name))
  if (copies.length === 0) throw new OrderViolation('T2', 'no copy of its own is in the trash', put)
  const mine = new Set(copies.map(({ name }) => name))
  const looks = seen(own, put).filter((look) => look.name.startsWith('trash/') && snapshotOf(look.name) === put.name)
  if (copies.some((copy) => looks.some((look) => !mine.has(look.name) && isAfter(look, copy)))) return
  throw new OrderViolation('T2', 'no copy of somebody else was seen since its own was put', put)
}

/** T4: a record is put, then the trash is listed, the snapshots, and the log, then a copy goes that somebody else has put. */
function checkPurge(own: readonly Operation[], removal: Operation): void {
  if (own.some(({ kind, name }) => kind === 'put' && name === removal.name)) return
  const records = acknowledged(own, removal).filter(({ name }) => name.startsWith('log/'))
  if (records.length === 0) throw new OrderViolation('T4', 'no record of who purges is acknowledged', removal)
  let at = records[0]!.ended!
  for (const folder of ['trash/', 'snap/', 'log/']) {
    const list = wholeLists({ operations: own }, folder).find(({ began }) => began > at)
    if (list === undefined || list.ended > removal.began) {
      throw new OrderViolation('T4', `${folder} was not listed in its turn since the record was put`, removal)
    }
    at = list.ended
  }
}

/** Whether a copy in the trash was read before the snapshot was put. */
function wasRead(own: readonly Operation[], put: Operation): boolean {
  return own.some(
    (each) => each.kind === 'get' && isCopy(each, put.name) && each.ended !== undefined && isAfter(put, each),
  )
}

/** Of a copy in the trash, the name that the snapshot has in its place. */
function snapshotOf(copy: string): string {
  return copy.replace('trash/', 'snap/').replace(/-[0-9a-f]{32}$/, '')
}

function isCopy({ name }: Operation, snapshot: string): boolean {
  return name.startsWith('trash/') && snapshotOf(name) === snapshot
}

function isAfter(later: Operation, earlier: Operation): boolean {
  return earlier.ended! < later.began
}

function acknowledged(own: readonly Operation[], before: Operation): Operation[] {
  return own.filter(({ kind, outcome, ended }) => kind === 'put' && outcome === 'ok' && ended! < before.began)
}

function seen(own: readonly Operation[], before: Operation): Operation[] {
  return own.filter(
    ({ kind, found, outcome, ended }) => kind === 'stat' && found && outcome === 'ok' && ended! < before.began,
  )
}
