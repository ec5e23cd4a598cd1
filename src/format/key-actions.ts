// Actions in log records by which keys change (docs/format.md, 9.2).
import { assert } from '../base/assert.ts'
import type { CborReader, CborWriter, RawField } from '../base/cbor.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { DOMAINS_MAX } from './bundle.ts'
import { limitCount, need, readFilledList, readList, withUnknown, writeList } from './fields.ts'
import { LOG_PLACES_MAX, LOG_TEXT_MAX, readPlace, withReason, writePlaces, writeText } from './log-parts.ts'
import type { ChainPlace } from './log-parts.ts'
import { NAME_NUMBER_MAX } from './names.ts'
import { DOMAIN_ID_SIZE } from './snapshot-body.ts'

export type KeyAction =
  /** Domains were given new key pairs, which the description with this number says. */
  | {
      readonly kind: 'rotate'
      readonly description: number
      readonly domainIds: readonly Uint8Array[]
      readonly reason?: string
    }
  /** A key slot was removed, and must not be made anew where it comes back; by the hash of its public key. */
  | { readonly kind: 'remove-slot'; readonly slot: Uint8Array; readonly reason?: string }
  /** A domain is gone with all that was in it, among that these snapshots. */
  | {
      readonly kind: 'destroy'
      readonly domainId: Uint8Array
      readonly snapshots: readonly ChainPlace[]
      readonly reason?: string
    }

type Read = KeyAction & { readonly unknown?: readonly RawField[] }

export function writeKeyAction(w: CborWriter, action: KeyAction): void {
  switch (action.kind) {
    case 'rotate':
      limitCount(action.domainIds, DOMAINS_MAX, 'domains in one record')
      w.key(0).uint(action.description)
      writeList(w.key(1), action.domainIds, (id) => w.bytes(id))
      return writeText(w, 2, action.reason)
    case 'remove-slot':
      assert(action.slot.length === HASH_SIZE, 'a slot is known by a hash')
      w.key(0).bytes(action.slot)
      return writeText(w, 1, action.reason)
    case 'destroy':
      w.key(0).bytes(action.domainId)
      writePlaces(w.key(1), action.snapshots)
      return writeText(w, 2, action.reason)
  }
}

export function readKeyAction(r: CborReader, kind: KeyAction['kind']): Read {
  if (kind === 'rotate') return readRotate(r)
  return kind === 'destroy' ? readDestroy(r) : readRemoval(r)
}

function readRotate(r: CborReader): Read {
  let description: number | undefined
  let domainIds: Uint8Array[] | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) description = r.uint(NAME_NUMBER_MAX)
    else if (key === 1) domainIds = readFilledList(r, DOMAINS_MAX, () => r.fixed(DOMAIN_ID_SIZE))
    else if (key === 2) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return {
    kind: 'rotate',
    description: need(r, description, 'number of a description'),
    domainIds: need(r, domainIds, 'list of domains'),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
}

function readRemoval(r: CborReader): Read {
  let slot: Uint8Array | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) slot = r.fixed(HASH_SIZE)
    else if (key === 1) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return { kind: 'remove-slot', slot: need(r, slot, 'key slot'), ...withReason(reason), ...withUnknown(unknown) }
}

function readDestroy(r: CborReader): Read {
  let domainId: Uint8Array | undefined
  let snapshots: ChainPlace[] | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) domainId = r.fixed(DOMAIN_ID_SIZE)
    else if (key === 1) snapshots = readList(r, LOG_PLACES_MAX, () => readPlace(r))
    else if (key === 2) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return {
    kind: 'destroy',
    domainId: need(r, domainId, 'domain'),
    snapshots: need(r, snapshots, 'list of snapshots'),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
}
