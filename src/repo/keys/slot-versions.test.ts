// A key slot that is there several times, with the same parameters.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { equalBytes } from '../../base/bytes.ts'
import { secureRandom } from '../../base/random.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import { keyFileSealingKey } from '../../crypto/keyfile.ts'
import type { Bundle } from '../../format/bundle.ts'
import { encodeKeySlot, encodeRenewedSlot } from '../../format/key-slot.ts'
import { keySlotName } from '../../format/names.ts'
import { recipientOf } from '../../format/session-keys.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { readSlot } from './key-slots.ts'
import { addSlot, openWithCredential } from './keyring.ts'
import { newBundle, newDomain } from './new-bundle.ts'
import { restrictBundle } from '../roles.ts'
import { replacedKeys } from './slot-versions.ts'

before(initHashing)

const DETAILS = { created: { sec: 1_700_000_000, nsec: 0 }, random: secureRandom, suite: 1 as const }

async function scene() {
  const store = new MemoryStore()
  const admin = newBundle(secureRandom)
  const credential = { kind: 'key-file' as const, secret: secureRandom(32) }
  const bundle = restrictBundle(admin, { role: 'read', random: secureRandom })
  const name = await addSlot(store, bundle, credential, { ...DETAILS, maker: admin })
  const slot = await readSlot(store, name)
  const put = async (bytes: Uint8Array) => {
    await store.put(keySlotName(hash(bytes)), [bytes])
    return keySlotName(hash(bytes))
  }
  return {
    admin,
    bundle,
    slot,
    put,
    renew: (next: Bundle) => put(encodeRenewedSlot(slot, { bundle: next, maker: admin })),
    open: () => openWithCredential({ store, repoIds: [admin.repoId] }, credential),
    slotKey: keyFileSealingKey(credential.secret),
  }
}

/** With other key pairs, and those of before. */
function rotated(bundle: Bundle): Bundle {
  const domains = bundle.domains.map((domain) => {
    const { dataPublic, metaPublic, dataPrivate, metaPrivate } = newDomain(secureRandom, 'new')
    const older = [replacedKeys(domain), ...(domain.older ?? [])]
    return { ...domain, dataPublic, metaPublic, dataPrivate: dataPrivate!, metaPrivate: metaPrivate!, older }
  })
  return { ...bundle, domains }
}

test('the one that was made anew most often counts, and of two of these all keys', async () => {
  const { bundle, renew, open } = await scene()
  const [one, other] = [
    rotated(bundle),
    rotated({ ...bundle, domains: [...bundle.domains, newDomain(secureRandom, 'b')] }),
  ]
  const names = [await renew(one), await renew(other)]
  const { bundle: opened, slotName } = await open()
  assert.ok(names.includes(slotName))
  assert.deepEqual(opened.domains.map(({ name }) => name).toSorted(), ['b', 'default'])
  const domain = opened.domains.find(({ name }) => name === 'default')!
  const known = [recipientOf(domain.dataPublic), ...domain.older!.map(({ data }) => data)]
  for (const { domains } of [bundle, one, other]) {
    const recipient = recipientOf(domains[0]!.dataPublic)
    assert.equal(known.filter((each) => equalBytes(each, recipient)).length, 1)
  }
  assert.ok(
    domain.older!.every(({ dataPrivate, metaPrivate }) => dataPrivate !== undefined && metaPrivate !== undefined),
  )
})

test('one that somebody else made who shares the credential does not count beside that of an administrator', async () => {
  const { bundle, slot, put, open, slotKey } = await scene()
  for (let round = 0; round < 8; round++) {
    const forged = { ...bundle, domains: [{ ...bundle.domains[0]!, ...newDomain(secureRandom, 'mine') }] }
    const content = { method: slot.method, bundle: forged, created: slot.created }
    await put(encodeKeySlot(content, { slotKey, repoId: bundle.repoId, suite: 1 }))
    assert.deepEqual((await open()).bundle, bundle)
  }
})
