// The rules on order for repairs (docs/format.md, section 10, R1, R2, R3 and R6), as far as the names of objects tell.
import { parseObjectName } from '../../src/format/names.ts'
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import { OrderViolation, wholeLists } from './ordering-oracle.ts'

/** Throws an OrderViolation for the first rule that a repair broke. */
export function checkRepairOrder({ operations }: OperationLog, isRepair: (actor: string) => boolean): void {
  for (const [actor, own] of Map.groupBy(operations, (each) => each.actor)) {
    if (!isRepair(actor)) continue
    for (const operation of own) {
      if (operation.kind === 'put') checkPut(operations, own, operation)
      else if (operation.kind === 'delete') checkDeletion(own, operation)
    }
  }
}

/** R2, R6: nothing comes back that somebody has deleted, and before anything is put again the plans are read, and after it. */
function checkPut(all: readonly Operation[], own: readonly Operation[], put: Operation): void {
  const deleted = all.some(
    (each) => each.kind === 'delete' && each.name === put.name && endedBefore(each, put) && each.found,
  )
  if (deleted && put.found) throw new OrderViolation('R2', 'somebody has deleted it before', put)
  const isNew = !all.some((each) => each.kind === 'put' && each.name === put.name && each.actor !== put.actor)
  if (isNew || !CONDEMNABLE.has(parseObjectName(put.name)?.kind ?? '')) return
  const looks = wholeLists({ operations: own }, 'gc/')
  if (!looks.some(({ ended }) => ended < put.began)) {
    throw new OrderViolation('R6', 'the plans were not read before it was put again', put)
  }
}

const CONDEMNABLE: ReadonlySet<string> = new Set(['pack', 'session-keys'])

/** R3: what is moved aside was read again when all that can be opened was in segments, and is acknowledged where it is moved to. */
function checkDeletion(own: readonly Operation[], removal: Operation): void {
  const kind = parseObjectName(removal.name)?.kind
  if (kind === 'parity') return
  if (kind !== 'index') throw new OrderViolation('R3', 'a repair deletes something else than a segment', removal)
  // That the end could not be noted makes no difference: its segments are acknowledged by then.
  const isEnd = ({ kind, name }: Operation) => kind === 'put' && parseObjectName(name)?.kind === 'session-end'
  const ends = own.filter((each) => isEnd(each) && each.ended! < removal.began)
  const last = ends.at(-1)
  if (last === undefined) throw new OrderViolation('R3', 'no session has put again what it named', removal)
  const isLook = (each: Operation) => each.kind === 'get' && each.name === removal.name && each.began > last.ended!
  if (!own.some((each) => isLook(each) && endedBefore(each, removal))) {
    throw new OrderViolation('R3', 'it was not read again since what it named is named elsewhere', removal)
  }
  const moved = own.some(
    (each) => isPut(each, 'set-aside') && each.name.endsWith(removal.name) && endedBefore(each, removal),
  )
  if (!moved) throw new OrderViolation('R3', 'it was not put aside before', removal)
}

function isPut({ kind, name, outcome }: Operation, what: string): boolean {
  return kind === 'put' && outcome === 'ok' && parseObjectName(name)?.kind === what
}

function endedBefore({ outcome, ended }: Operation, other: Operation): boolean {
  return outcome === 'ok' && ended! < other.began
}
