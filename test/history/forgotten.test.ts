// Snapshots that a record explains are no loss to a check or a scrub; what no record explains is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { seededRng } from '../../src/base/random.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { HistoryScene, placeOf } from '../support/history-scene.ts'

async function damagesOf(scene: HistoryScene): Promise<string[]> {
  const { damages } = await checkRepository({
    repo: await scene.open(),
    depth: 'structure',
    rng: seededRng(1),
    threads: 0,
  })
  return damages.map(({ object, messages }) => `${object}: ${messages.join()}`)
}

test('a check knows what was forgotten from what is missing', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  const snapshots = [await ada.backup(), await ada.backup()]
  await bob.backup() // names the second of ada
  snapshots.push(await ada.backup())
  await bob.forget([placeOf(snapshots[0]!), placeOf(snapshots[1]!)])
  assert.deepEqual(await damagesOf(scene), [])
  const scrubbed = await scrubStore({ store: scene.store })
  assert.deepEqual(scrubbed.damages, [])
})

test('without its record a forgotten snapshot is missing', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const [first] = [await ada.backup(), await ada.backup()]
  const record = await ada.forget([placeOf(first)])
  await scene.store.delete(record.objectName)
  const damages = await damagesOf(scene)
  assert.equal(damages.length, 1)
  assert.match(damages[0]!, /snapshot 1 of its writer is not there/)
})

test('a log record that is damaged is damage to a check and to a scrub', async () => {
  const scene = await HistoryScene.create()
  const { objectName } = await scene.machine('ada').record({ kind: 'note', text: 'hello' })
  const bytes = await scene.store.get(objectName)
  bytes[85]! ^= 1
  await scene.store.delete(objectName)
  await scene.store.put(objectName, [bytes])
  assert.match((await damagesOf(scene)).join(), /log\/.*its bytes are not those its name promises/)
  const { damages } = await scrubStore({ store: scene.store })
  assert.deepEqual(
    damages.map(({ object }) => object),
    [objectName],
  )
})

test('a log record that others follow and that is gone is damage to a check, until it is accepted as lost', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const note = (text: string) => ada.record({ kind: 'note', text })
  const [first, second] = [await note('one'), await note('two'), await note('three')] as const
  await scene.store.delete(second.objectName)
  assert.deepEqual(await damagesOf(scene), [
    `${second.objectName}: record 3 of its writer follows it, and it is not there`,
  ])
  await scene.store.delete(first.objectName)
  const lost = { wid: fromHex(second.wid)!, seq: second.seq, hash: fromHex(second.id)! }
  await ada.record({ kind: 'accept', snapshots: [], records: [lost] })
  assert.deepEqual(await damagesOf(scene), [])
})
