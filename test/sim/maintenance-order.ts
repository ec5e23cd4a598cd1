// The rules on order for forgetting and bringing back (docs/format.md, section 10): L1, T1 and T2, as far as the names of
// objects tell.
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import { OrderViolation } from './ordering-oracle.ts'

/** Throws an OrderViolation for the first rule that somebody broke who forgot a snapshot, brought one back or purged. */
export function checkMaintenanceOrder({ operations }: OperationLog): void {
  for (const operation of operations) {
    const own = operations.filter(({ actor }) => actor === operation.actor)
    const trash = operation.name.replace(/^snap\//, 'trash/')
    if (operation.kind === 'delete' && trash !== operation.name) checkForget(own, operation, trash)
    if (operation.kind === 'delete' && operation.name.startsWith('log/')) {
      throw new OrderViolation('L2', 'a record is deleted', operation)
    }
    if (operation.kind === 'put' && operation.name.startsWith('log/')) checkRecall(own, operation)
  }
}

/** Names of snapshots that an actor put again out of the trash: no backup made them. */
export function recalledNames(own: readonly Operation[]): Set<string> {
  const read = own.filter(({ kind, name }) => kind === 'get' && name.startsWith('trash/'))
  return new Set(read.map(({ name }) => name.replace('trash/', 'snap/')))
}

/** T1: the copy in the trash is acknowledged, then the record (L1), then the snapshot is deleted. */
function checkForget(own: readonly Operation[], removal: Operation, trash: string): void {
  const copies = acknowledged(own, removal).filter(({ name }) => name === trash)
  if (copies.length === 0) throw new OrderViolation('T1', `${trash} is not acknowledged`, removal)
  const records = acknowledged(own, removal).filter(({ name }) => name.startsWith('log/'))
  if (!records.some(({ began }) => copies.some(({ ended }) => ended! < began))) {
    throw new OrderViolation('L1', 'no record is acknowledged since the copy in the trash was', removal)
  }
}

/** T2: what is brought back is put, then its copy in the trash is seen, before a record says that it is back. */
function checkRecall(own: readonly Operation[], record: Operation): void {
  const recalled = recalledNames(own)
  for (const put of acknowledged(own, record).filter(({ name }) => recalled.has(name))) {
    const seen = own.some(
      ({ kind, name, found, began, ended, outcome }) =>
        kind === 'stat' &&
        name === put.name.replace('snap/', 'trash/') &&
        found &&
        outcome === 'ok' &&
        began > put.ended! &&
        ended! < record.began,
    )
    if (!seen) throw new OrderViolation('T2', `the copy of ${put.name} in the trash was not seen again`, record)
  }
}

function acknowledged(own: readonly Operation[], before: Operation): Operation[] {
  return own.filter(({ kind, outcome, ended }) => kind === 'put' && outcome === 'ok' && ended! < before.began)
}
