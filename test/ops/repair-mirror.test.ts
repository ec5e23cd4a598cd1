// Repairs with the help of another copy of the repository: what comes back, under which name, and what does not.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { fromHex } from '../../src/base/bytes.ts'
import { secureRandom } from '../../src/base/random.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { parityName, planName } from '../../src/format/names.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { encodeSessionKeys, wrapSessionSecret } from '../../src/format/session-keys.ts'
import { ensureParity } from '../../src/ops/repair/heal-objects.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { OverlayStore } from '../../src/store/overlay-store.ts'
import type { Store } from '../../src/store/store.ts'
import { largePack, names, objectsOf, scene } from '../support/repair-scene.ts'
import type { Scene } from '../support/repair-scene.ts'

test('what parity cannot make good is fetched from a mirror, whatever else the mirror holds', async (t) => {
  const s = await scene(t)
  const packs = names(s, 'pack')
  const mirror = { ...(await mirrorOf(s)), location: 'mirror' }
  for (const [i, name] of packs.entries()) {
    if (i % 2 === 0) rmSync(s.pathOf(name))
    else s.put(name, s.objects.get(name)!.slice().fill(0))
  }
  const { steps, lostCount } = await s.repair({ mirror })
  assert.equal(lostCount, 0)
  assert.ok(steps.some((step) => 'from' in step && step.from === 'mirror'))
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
  // Nothing here says any more which packs there were.
  for (const name of [...packs, ...names(s, 'index')]) rmSync(s.pathOf(name))
  assert.equal((await s.repair({ mirror })).lostCount, 0)
  assert.deepEqual(await s.scratch.readAll(), s.content)
  // They may have been pruned, and somebody may be about to delete them once more.
  const now = [...(await objectsOf(await s.scratch.store())).keys()]
  assert.deepEqual(
    packs.filter((name) => now.includes(name)),
    [],
    'what they held is in packs with other names',
  )
})

test('a mirror that lies is believed nothing', async (t) => {
  const s = await scene(t)
  const packs = names(s, 'pack')
  const mirror = { ...(await mirrorOf(s)), location: 'mirror' }
  const pack = largePack(s)
  rmSync(s.pathOf(pack))
  rmSync(s.pathOf(parityName(pack)))
  const lying = { ...mirror, get: async () => s.objects.get(packs.find((name) => name !== pack)!)! }
  const second = await s.repair({ mirror: lying })
  assert.deepEqual(
    second.lost.map(({ object }) => object),
    [pack],
  )
  assert.ok(second.reasons.get(pack)!.some((why) => why.startsWith('mirror: ')))
})

async function mirrorOf(s: Scene): Promise<Store> {
  const overlay = new OverlayStore(await s.scratch.store(), { now: () => 0, bytesMax: 1e9 })
  for (const [name, bytes] of s.objects) await overlay.replace(name, [bytes])
  return {
    location: overlay.location,
    listLagMs: 0,
    put: (name, parts) => overlay.put(name, parts),
    get: (name, range) => overlay.get(name, range),
    stat: (name) => overlay.stat(name),
    keep: (name) => overlay.keep(name),
    list: (prefix, cursor) => overlay.list(prefix, cursor),
    delete: (name) => overlay.delete(name),
    close: () => overlay.close(),
  }
}

test('what a plan condemns is not brought back', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  const mirror = { ...(await mirrorOf(s)), location: 'mirror' }
  rmSync(s.pathOf(pack))
  const repo = await s.scratch.open()
  const who = { state: s.state, clock: systemClock, random: secureRandom, host: 'test', act: 'plan' } as const
  const { signer } = await writerIdentity(repo, who)
  const plan = {
    pid: new Uint8Array(16),
    dataPacks: [fromHex(pack.split('/').at(-1)!)!],
    metaPacks: [],
    created: { sec: 1, nsec: 0 },
  }
  s.put(planName(plan.pid), encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer }))
  const { reasons, lost } = await s.repair({ mirror })
  assert.deepEqual(
    lost.map(({ object }) => object),
    [pack],
  )
  assert.match(reasons.get(pack)!.join(), /somebody is deleting it/)
})

test('who has one domain leaves alone the parity of what others miss', async (t) => {
  const s = await scene(t)
  await s.scratch.addDomains('other')
  const [pack] = names(s, 'pack')
  rmSync(s.pathOf(pack!))
  const repo = await s.scratch.openWith(await s.scratch.addRole('maintain', ['other']))
  const someone = { clock: systemClock, random: secureRandom, host: 'other', tool: 'test', by: 'other@test' }
  const { lostCount } = await repair(repo, { ...someone, state: memoryState() })
  assert.equal(lostCount, 0)
  assert.notEqual(await repo.store.stat(parityName(pack!)), null)
})

test('keys that another writer has signed take the place of no damaged ones', async (t) => {
  const s = await scene(t)
  const mirror = await mirrorOf(s)
  const intruder = await s.scratch.openWith(await s.scratch.addRole('write'))
  const { id: repoId, domain, domainKeys, store } = intruder
  const { suite } = intruder.description
  const { signer } = await writerIdentity(intruder, {
    state: memoryState(),
    clock: systemClock,
    random: secureRandom,
    host: 'evil',
  })
  for (const name of names(s, 'session-keys')) {
    const sid = fromHex(name.split('/')[1]!)!
    const scope = { sid, repoId, suite }
    const secrets = [
      wrapSessionSecret('data', secureRandom(32), domainKeys.dataPublic, scope),
      wrapSessionSecret('meta', secureRandom(32), domainKeys.metaPublic, scope),
    ]
    const keys = encodeSessionKeys({ sid, domainId: domain.id, secrets }, { suite, signer })
    // Whoever is first has put the parity.
    rmSync(s.pathOf(parityName(name)))
    await ensureParity({ store, steps: [] }, { shares: intruder.description.parity!, suite }, name, keys)
    s.put(name, s.objects.get(name)!.with(60, 0))
  }
  const { lostCount } = await s.repair({ mirror })
  assert.equal(lostCount, 0)
  assert.deepEqual(await s.scratch.readAll(), s.content)
})
