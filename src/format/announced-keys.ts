// docs/format.md, 3.8: the key pairs of a domain that was given new ones, as the description of the repository says them, so
// that whoever stores something does it for those who have the newest.
//
//   {0: domain id, 1: data public key, 2: meta public key, 3: made, 4: [[data recipient, meta recipient] …]}
import { assert } from '../base/assert.ts'
import type { CborReader, CborWriter } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { KEM_PUBLIC_KEY_SIZE } from '../crypto/kem.ts'
import { OLDER_KEYS_MAX } from './bundle.ts'
import type { OlderKeys } from './bundle.ts'
import { limitCount, need, readFilledList, readTuple, writeList } from './fields.ts'
import { RECIPIENT_SIZE } from './session-keys.ts'
import { DOMAIN_ID_SIZE } from './snapshot-body.ts'

export interface AnnouncedKeys {
  readonly domainId: Uint8Array
  /** 1,216 bytes each. */
  readonly dataPublic: Uint8Array
  readonly metaPublic: Uint8Array
  readonly made: Timespec
  /** What stands for the key pairs of before, the newest first: what was stored for them can still be opened by many. */
  readonly older: readonly Pick<OlderKeys, 'data' | 'meta'>[]
}

export function writeAnnouncedKeys(w: CborWriter, keys: AnnouncedKeys): void {
  const { domainId, dataPublic, metaPublic, made, older } = keys
  assert(domainId.length === DOMAIN_ID_SIZE && older.length > 0, 'new keys of a domain follow others')
  limitCount(older, OLDER_KEYS_MAX, 'key pairs of a domain')
  w.openMap().key(0).bytes(domainId).key(1).bytes(dataPublic).key(2).bytes(metaPublic).key(3).timespec(made)
  writeList(w.key(4), older, ({ data, meta }) => w.array(2).bytes(data).bytes(meta))
  w.closeMap()
}

export function readAnnouncedKeys(r: CborReader): AnnouncedKeys {
  const keys: { -readonly [K in keyof AnnouncedKeys]?: AnnouncedKeys[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) keys.domainId = r.fixed(DOMAIN_ID_SIZE)
    else if (key === 1) keys.dataPublic = r.fixed(KEM_PUBLIC_KEY_SIZE)
    else if (key === 2) keys.metaPublic = r.fixed(KEM_PUBLIC_KEY_SIZE)
    else if (key === 3) keys.made = r.timespec()
    else if (key === 4) {
      keys.older = readFilledList(r, OLDER_KEYS_MAX, () =>
        readTuple(r, 2, () => ({ data: r.fixed(RECIPIENT_SIZE), meta: r.fixed(RECIPIENT_SIZE) })),
      )
    } else return false
    return true
  })
  if (unknown !== undefined) throw r.corrupt('has a field too many for the keys of a domain')
  return {
    domainId: need(r, keys.domainId, 'domain id'),
    dataPublic: need(r, keys.dataPublic, 'public key for data'),
    metaPublic: need(r, keys.metaPublic, 'public key for trees'),
    made: need(r, keys.made, 'time'),
    older: need(r, keys.older, 'list of older keys'),
  }
}
