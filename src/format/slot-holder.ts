// docs/format.md, 3.6: what an administrator has to know of the holder of a key slot to make it anew: what is in its bundle
// and nowhere else. Sealed under a key that comes from the root key.
//
//   {0: [[domain id, [data recipient …]] …], 1: local state key, 2: {0: wid, 1: seed}}
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { deriveKey, KEY_SIZE } from '../crypto/hash.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import { wipe } from '../crypto/wipe.ts'
import { DOMAINS_MAX, OLDER_KEYS_MAX, readBundleWriter, writeBundleWriter } from './bundle.ts'
import type { Bundle } from './bundle.ts'
import { need, readFilledList, readList, readTuple, writeList } from './fields.ts'
import { SEALED_TYPES } from './object-header.ts'
import { RECIPIENT_SIZE, recipientOf } from './session-keys.ts'
import { DOMAIN_ID_SIZE } from './snapshot-body.ts'

export interface HolderDomain {
  readonly id: Uint8Array
  /** Which data key pairs are in the bundle, 16 bytes each, the newest first; none for the role *report*. */
  readonly recipients: readonly Uint8Array[]
}

export interface SlotHolder {
  readonly domains: readonly HolderDomain[]
  readonly localKey: Uint8Array
  readonly writer?: NonNullable<Bundle['writer']>
}

/** What there is to know of the holder of a bundle. */
export function holderOf({ domains, reports = [], localKey, writer }: Bundle): SlotHolder {
  const own = domains.map(({ id, dataPublic, older = [] }) => ({
    id,
    recipients: [recipientOf(dataPublic), ...older.map(({ data }) => data)],
  }))
  return {
    domains: [...own, ...reports.map(({ id }) => ({ id, recipients: [] }))],
    localKey,
    ...(writer !== undefined && { writer }),
  }
}

export interface HolderKeys {
  readonly rootSeed: Uint8Array
  readonly repoId: Uint8Array
  readonly suite: Suite
  /** The encoding of kind and parameters of the slot. */
  readonly context: Uint8Array
}

export function sealHolder({ domains, localKey, writer }: SlotHolder, keys: HolderKeys): Uint8Array {
  assert(domains.length >= 1 && domains.length <= DOMAINS_MAX, 'whoever has a slot has domains')
  const w = new CborWriter(512).openMap()
  writeList(w.key(0), domains, ({ id, recipients }) => {
    w.array(2).bytes(id)
    writeList(w, recipients, (recipient) => w.bytes(recipient))
  })
  w.key(1).bytes(localKey)
  if (writer !== undefined) writeBundleWriter(w.key(2), writer)
  const plain = w.closeMap().finish()
  const sealed = holderSealer(keys).seal(SEALED_TYPES.slotHolder, keys.context, plain)
  wipe(plain)
  return sealed
}

/** `corrupt` naming `subject`, also where somebody else's root key sealed it. */
export function openHolder(sealed: Uint8Array, keys: HolderKeys, subject: string): SlotHolder {
  const plain = holderSealer(keys).open(SEALED_TYPES.slotHolder, keys.context, sealed, subject)
  const r = new CborReader(plain, subject)
  const holder: { -readonly [K in keyof SlotHolder]?: SlotHolder[K] } = {}
  r.fields((key) => {
    if (key === 0) holder.domains = readFilledList(r, DOMAINS_MAX, () => readDomain(r))
    else if (key === 1) holder.localKey = r.fixed(KEY_SIZE).slice()
    else if (key === 2) holder.writer = readBundleWriter(r)
    else return false
    return true
  })
  r.end()
  wipe(plain)
  return {
    domains: need(r, holder.domains, 'list of domains'),
    localKey: need(r, holder.localKey, 'key of the local state'),
    ...(holder.writer !== undefined && { writer: holder.writer }),
  }
}

function readDomain(r: CborReader): HolderDomain {
  return readTuple(r, 2, () => ({
    id: r.fixed(DOMAIN_ID_SIZE).slice(),
    recipients: readList(r, OLDER_KEYS_MAX + 1, () => r.fixed(RECIPIENT_SIZE).slice()),
  }))
}

function holderSealer({ rootSeed, repoId, suite }: HolderKeys): Sealer {
  return new Sealer(deriveKey('holdfast 1 slot holder', rootSeed), repoId, suite)
}
