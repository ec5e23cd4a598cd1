// What repairs note of a loss: in which domain, and when it is taken back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { readLog } from '../../src/repo/history/log.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { kinds, largePack, scene } from '../support/repair-scene.ts'

test('what a domain lacks is noted there, and nothing of it in another one', async (t) => {
  const s = await scene(t)
  await s.scratch.addDomains('other')
  const member = await s.scratch.addRole('maintain', ['other'])
  const pack = largePack(s)
  s.put(pack, s.objects.get(pack)!.slice().fill(1, 1000, 150_000))
  assert.deepEqual(kinds(await s.repair()).slice(-2), ['distrusted', 'recorded'])
  const own = await s.scratch.open()
  const { bySnapshot } = await own.trust.losses()
  assert.deepEqual([...bySnapshot.keys()].toSorted(), (await own.snapshots()).map(({ id }) => id).toSorted())
  for (const { record } of bySnapshot.values()) assert.equal(record.domainId, toHex(own.domain.id))
  const other = await s.scratch.openWith(member)
  assert.equal((await other.trust.losses()).bySnapshot.size, 0)
  assert.deepEqual((await readLog(other)).records, [])
})

test('a repair that reads everything takes back what an earlier one had noted, one of the structure does not', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  s.put(pack, s.objects.get(pack)!.slice().fill(1, 1000, 150_000))
  await s.repair()
  const marked = async () => (await (await s.scratch.open()).trust.losses()).bySnapshot.size
  assert.equal(await marked(), 2)
  s.put(pack, s.objects.get(pack)!)
  assert.deepEqual(kinds(await s.repair({ readData: false })), [])
  assert.equal(await marked(), 2)
  assert.deepEqual(kinds(await s.repair()), ['recorded'])
  assert.equal(await marked(), 0)
  assert.deepEqual(kinds(await s.repair()), [])
})

test('a record of a loss that was read once and is not there any more is told', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  s.put(pack, s.objects.get(pack)!.slice().fill(1, 1000, 150_000))
  const { steps } = await s.repair()
  await s.repair()
  const record = steps.find(({ kind }) => kind === 'recorded') as { readonly object: string }
  const state = memoryState()
  const look = async () => {
    const { trust } = await s.scratch.open()
    trust.remember(state)
    const { bySnapshot } = await trust.losses()
    return [bySnapshot.size, trust.problems.some(({ subject }) => subject === record.object)]
  }
  assert.deepEqual(await look(), [2, false])
  assert.deepEqual(await look(), [2, false])
  await (await s.scratch.store()).delete(record.object)
  assert.deepEqual(await look(), [2, true])
})
