// What a repair could not make good, in a log record (docs/format.md, 9.2, kind 14).
import { assert } from '../base/assert.ts'
import type { CborReader, CborWriter, RawField } from '../base/cbor.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { limitCount, need, readFilledList, readList, readTrue, readTuple, withUnknown, writeList } from './fields.ts'
import { OBJECT_NAME_MAX } from './names.ts'

/** The first paths of a snapshot that cannot be restored whole, and how many there are. */
export interface LostPaths {
  /** Hash of the snapshot. */
  readonly snapshot: Uint8Array
  readonly count: number
  readonly paths: readonly Uint8Array[]
}

export interface RepairAction {
  readonly kind: 'repair'
  /** Objects that were made good or brought back. */
  readonly healed: number
  /** Names of objects, and what else findings are called by, that are damaged or missing for good. */
  readonly lost: readonly string[]
  readonly snapshots: readonly LostPaths[]
  /** Everything was read: what earlier records of the same domain say is lost is so only if this says it too. */
  readonly whole?: boolean
}

export const LOST_OBJECTS_MAX = 10_000
export const LOST_SNAPSHOTS_MAX = 1000
/** Of one snapshot. */
export const LOST_PATHS_MAX = 100
/** A path is cut there. */
export const LOST_PATH_SIZE_MAX = 4096

export function writeRepairAction(w: CborWriter, { healed, lost, snapshots, whole = false }: RepairAction): void {
  assert(whole || lost.length > 0, 'a repair that notes no loss has read everything')
  limitCount(lost, LOST_OBJECTS_MAX, 'lost objects')
  limitCount(snapshots, LOST_SNAPSHOTS_MAX, 'snapshots in one record')
  w.key(0).uint(healed)
  writeList(w.key(1), lost, (name) => w.text(name))
  if (snapshots.length > 0) writeList(w.key(2), snapshots, (one) => writeLostPaths(w, one))
  if (whole) w.key(3).bool(true)
}

function writeLostPaths(w: CborWriter, { snapshot, count, paths }: LostPaths): void {
  limitCount(paths, LOST_PATHS_MAX, 'paths of one snapshot')
  w.array(3).bytes(snapshot).uint(count)
  writeList(w, paths, (path) => w.bytes(path.subarray(0, LOST_PATH_SIZE_MAX)))
}

export function readRepairAction(r: CborReader): RepairAction & { readonly unknown?: readonly RawField[] } {
  let healed: number | undefined
  let lost: string[] | undefined
  let snapshots: LostPaths[] = []
  let whole: true | undefined
  const unknown = r.fields((key) => {
    if (key === 0) healed = r.uint()
    else if (key === 1) lost = readList(r, LOST_OBJECTS_MAX, () => r.text(OBJECT_NAME_MAX))
    else if (key === 2) snapshots = readFilledList(r, LOST_SNAPSHOTS_MAX, () => readLostPaths(r))
    else if (key === 3) whole = readTrue(r)
    else return false
    return true
  })
  if (lost?.length === 0 && whole === undefined) throw r.corrupt('notes a repair that has found nothing,')
  return {
    kind: 'repair',
    healed: need(r, healed, 'count of healed objects'),
    lost: need(r, lost, 'list of lost objects'),
    snapshots,
    ...(whole !== undefined && { whole }),
    ...withUnknown(unknown),
  }
}

function readLostPaths(r: CborReader): LostPaths {
  return readTuple(r, 3, () => ({
    snapshot: r.fixed(HASH_SIZE),
    count: r.uint(),
    paths: readList(r, LOST_PATHS_MAX, () => r.bytes(LOST_PATH_SIZE_MAX)),
  }))
}
