// Snapshots of which paths were dropped: in the place of the old ones for rules and for an audit, if the log says so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { directoryEntries } from '../../src/ops/browse/tree-walk.ts'
import { planForget, readRetention } from '../../src/ops/forget.ts'
import { rewriteSnapshots, snapshotsWith } from '../../src/ops/rewrite.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { audit, assertFound } from '../support/audited-history.ts'
import { DAY, HistoryScene } from '../support/history-scene.ts'

async function rewrittenScene() {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  for (let day = 0; day < 3; day++) {
    await ada.backup()
    scene.now += DAY
  }
  scene.now += 30 * DAY
  await bob.backup()
  scene.now += DAY
  const repo = await scene.open()
  await repo.loadIndex()
  const state = await readRetention(repo)
  const { snapshots } = state
  const [oldest] = snapshots
  const [source] = await directoryEntries(repo, oldest!.body.root, true)
  const [child] = await directoryEntries(repo, source!.subtree!.ref, false)
  const path = Buffer.concat([source!.name, Buffer.from('/'), child!.name])
  const { clock } = scene
  const writer = await writerIdentity(repo, { state: bob.state, clock, random: secureRandom, host: 'bob' })
  const work = (await snapshotsWith(repo, snapshots, [path])).filter(({ snapshot }) => snapshot.body.host === 'ada')
  const opts = {
    writer,
    clock,
    by: 'ada@bob',
    random: secureRandom,
    host: 'bob',
    tool: 'test',
    state,
  }
  const rewritten = await rewriteSnapshots(repo, work.slice(0, 2), opts)
  return { scene, snapshots, rewritten }
}

test('a rewritten snapshot has the time and the group of the old one', async () => {
  const { scene, snapshots, rewritten } = await rewrittenScene()
  assert.equal(rewritten.length, 2)
  const state = await readRetention(await scene.open())
  const plan = planForget(state, {}, scene.now)
  assert.deepEqual(
    plan.groups.map(({ verdicts }) => verdicts.map(({ timeMs }) => timeMs).toReversed()),
    [snapshots.slice(0, 3).map(({ receivedMs }) => receivedMs), [snapshots[3]!.receivedMs]],
  )
  assert.deepEqual((await audit(scene)).told, [])
})

test('without the record of an administrator it is one of whoever signed it, dated back', async () => {
  const { scene } = await rewrittenScene()
  const [record] = (await scene.names('log/')).filter((name) => name.includes('/0000000001-'))
  await scene.store.delete(record!)
  const plan = planForget(await readRetention(await scene.open()), {}, scene.now)
  assert.deepEqual(
    plan.groups.map(({ verdicts }) => verdicts.length).toSorted((a, b) => a - b),
    [1, 3],
  )
  assertFound(await audit(scene), /^back-dated snap/)
})
