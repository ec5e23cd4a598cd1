// Somebody whose credential was removed, and who kept what it gave him.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, fromHex } from '../../src/base/bytes.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { planName } from '../../src/format/names.ts'
import { removeSlot } from '../../src/repo/keyring.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { Repository } from '../../src/repo/repository.ts'
import { readEverything } from '../damage/observation.ts'
import { SmallRepository, storeOf } from '../damage/small-repository.ts'
import { letIn, revoke } from './insiders.ts'

test('a credential that was removed opens nothing, and the message counts the slots that were tried', async () => {
  const made = await SmallRepository.create()
  const { credential, slotName } = await letIn(made, 'read')
  await removeSlot(made.store, slotName)
  await assert.rejects(openRepository(made.store, credential), {
    code: 'wrong-key',
    message: /the key file opens no key slot/,
  })
})

test('who kept his keys reads what he can get of the store, also what is stored later: removing a slot is no new key', async () => {
  const made = await SmallRepository.create(2)
  const { slotName, open } = await letIn(made, 'read')
  const { bundle, description, descriptionNumber } = await open()
  await removeSlot(made.store, slotName)
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const store = await storeOf(await made.objects())
  const kept = new Repository({ store, bundle, description, descriptionNumber })
  const reading = await readEverything(kept)
  assert.equal(reading.size, 3)
  for (const found of reading.values()) {
    assert.ok(found instanceof Map && [...found.values()].every((each) => typeof each === 'string'))
  }
})

test('who kept the keys of a machine that may only write reads nothing with them, early or late', async () => {
  const made = await SmallRepository.create(3)
  const { slotName, open } = await letIn(made, 'write')
  const { bundle, description, descriptionNumber } = await open()
  await removeSlot(made.store, slotName)
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const kept = new Repository({ store: made.store, bundle, description, descriptionNumber })
  for (const found of (await readEverything(kept)).values())
    assert.equal((found as { code?: string }).code, 'wrong-key')
})

test('a plan of who maintained and is revoked condemns nothing', async () => {
  const made = await SmallRepository.create(4)
  const { open, bundle } = await letIn(made, 'maintain')
  const repo = await open()
  const signer = signingKeyFromSeed(bundle.writer!.seed)
  const packs = repo.index.packs.filter(({ kind }) => kind === 'data')
  const dataPacks = packs.map(({ objectName }) => fromHex(objectName.slice(-64))!).sort(compareBytes)
  const plan = { pid: made.random(16), dataPacks, metaPacks: [], created: { sec: 1, nsec: 0 } }
  await made.store.put(planName(plan.pid), [encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer })])
  assert.equal((await (await made.open()).condemnedPacks()).size, packs.length)
  await revoke(made, bundle.writer!.wid)
  assert.equal((await (await made.open()).condemnedPacks()).size, 0)
})
