// Pruning by a member of one of several domains, and plans of somebody else's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { planName, PREFIXES, sessionEndName, sessionName } from '../../src/format/names.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { assertSound, PruningScene } from '../support/pruning.ts'

test('who has one domain leaves the packs of the others alone', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.scratch.addDomains('other')
  const member = await scene.scratch.openWith(await scene.scratch.addRole('maintain', ['other']))
  const before = await scene.packs()
  const report = await scene.prune({ repo: member, state: memoryState(), maxUnused: 0 })
  assert.equal(report.packsUnopened, before.length)
  assert.deepEqual(await scene.packs(), before)
  await scene.forget([0])
  assert.ok((await scene.prune({ maxUnused: 0 })).packsDeleted > 0)
  await assertSound(scene, 1)
})

test('a plan that names packs of another domain has none of them deleted, and is kept', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  await scene.scratch.addDomains('other')
  const member = await scene.scratch.openWith(await scene.scratch.addRole('maintain', ['other']))
  const { signer } = await writerIdentity(member, {
    state: memoryState(),
    clock: systemClock,
    random: secureRandom,
    host: 'other',
    act: 'plan',
  })
  const before = await scene.packs()
  const hashes = (kind: string) =>
    before.flatMap((name) => (name.startsWith(kind) ? [fromHex(name.split('/').at(-1)!)!] : []))
  const pid = secureRandom(16)
  const plan = { pid, dataPacks: hashes('data/'), metaPacks: hashes('meta/'), copies: [], created: { sec: 1, nsec: 0 } }
  await member.store.put(planName(pid), [encodeDeletionPlan(plan, { sealer: member.indexSealer, signer })])
  const warnings: string[] = []
  await scene.prune({ onEvent: (event) => event.type === 'warning' && warnings.push(event.message) })
  assert.deepEqual(await scene.packs(), before)
  assert.match(warnings.join(), /is kept: it names .* which no key of this domain opens/)
  await assertSound(scene, 0)
})

test('a damaged intent of another domain confirms its snapshot as before', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  await scene.scratch.addDomains('other')
  const member = await scene.scratch.openWith(await scene.scratch.addRole('maintain', ['other']))
  const store = await scene.scratch.store()
  const [snapshot] = await (await scene.scratch.open()).snapshots()
  // The power went when the backup had been reported as done, and before its end was stored.
  const intent = sessionName(snapshot!.sid)
  await store.delete(sessionEndName(snapshot!.sid))
  const right = await store.get(intent)
  await store.replace!(intent, [right.with(60, right[60]! ^ 1)])
  const pid = secureRandom(16)
  const { signer } = await writerIdentity(member, {
    state: memoryState(),
    clock: systemClock,
    random: secureRandom,
    host: 'other',
    act: 'plan',
  })
  const plan = { pid, dataPacks: [], metaPacks: [], sessions: [secureRandom(16)], created: { sec: 1, nsec: 0 } }
  await store.put(planName(pid), [encodeDeletionPlan(plan, { sealer: member.indexSealer, signer })])
  await scene.prune({ repo: member, state: memoryState() })
  assert.notEqual(await store.stat(intent), null)
  assert.deepEqual((await store.list(PREFIXES.plans)).objects, [], 'and nobody waits for it')
})
