import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { CrashError, isCrash } from '../../src/store/faulty-store.ts'
import { NO_FAULTS, swarmFaults } from '../../src/store/faults.ts'
import { forEachSeed } from './seeds.ts'
import { toyBackup } from './toy-writer.ts'
import { digestOf, MAIN, rethrowUnlessCrash, SimWorld } from './world.ts'

const FILE = 'faulty-store.test.ts'
const NAME = 'data/ab/01'
const BYTES = Buffer.from('0123456789')

test('a run repeats with its seed, event by event, and other seeds give other runs', async () => {
  const trace = async (seed: number) => {
    const world = new SimWorld(seed)
    const faults = swarmFaults(seededRng(seed))
    await Promise.all(
      ['one', 'two', 'six'].map((actor) => {
        const store = world.process(actor, faults).recorded
        return toyBackup(store, { log: world.log, actor, rng: world.rng }).catch((error: unknown) => {
          assert.ok(
            error instanceof BackupError || (error instanceof Error && error.message === 'fenced'),
            String(error),
          )
        })
      }),
    )
    return JSON.stringify([world.log.operations, world.clock.now(), (await world.objects.list('')).objects])
  }
  const traces = new Set<string>()
  for (let seed = 1; seed <= 10; seed++) {
    const first = await trace(seed)
    assert.equal(await trace(seed), first)
    traces.add(first)
  }
  assert.equal(traces.size, 10)
})

test('after a crash every request of the process ends in the crash, and none has an effect', () =>
  forEachSeed(FILE, 20, async (seed) => {
    const world = new SimWorld(seed)
    const { store: dead } = world.process()
    await dead.put('keys/01', [BYTES])
    const underWay = [dead.put(NAME, [BYTES]), dead.delete('keys/01'), dead.list('')].map((request) =>
      assert.rejects(request, CrashError),
    )
    dead.crash()
    await Promise.all(underWay)
    await dead.settle()
    const before = await names(world)
    for (const request of [
      () => dead.put('sess/aa', [BYTES]),
      () => dead.get('keys/01'),
      () => dead.stat('keys/01'),
      () => dead.list(''),
      () => dead.delete('keys/01'),
      () => dead.close(),
    ]) {
      await assert.rejects(request, (error) => isCrash(new BackupError('io', 'wrapped', 'x', { cause: error })))
    }
    assert.deepEqual(await names(world), before)
    assert.deepEqual(
      (await world.process().store.list('')).objects.map((object) => object.name),
      before,
    )
  }))

test('a crash at each step keeps all that was acknowledged; the rest is kept, lost or torn, each in some run', async () => {
  const fates = new Set<string>()
  for (let seed = 1; seed <= 50; seed++) {
    for (let step = 0, finished = false; !finished; step++) {
      const world = new SimWorld(seed)
      const { store, recorded } = world.process(MAIN, { torn: seed % 2 === 0 })
      store.crashAfterWrites(step)
      finished = await toyBackup(recorded, { log: world.log, actor: MAIN, rng: world.rng }).then(
        () => true,
        rethrowUnlessCrash,
      )
      await store.settle()
      for (const { kind, name, outcome, digest } of world.log.operations) {
        if (kind !== 'put') continue
        const kept = (await world.objects.stat(name)) === null ? undefined : await world.objects.get(name)
        const whole = kept !== undefined && digestOf([kept]) === digest
        if (outcome === 'ok') assert.ok(whole, `${name} was acknowledged`)
        else fates.add(kept === undefined ? 'lost' : whole ? 'kept' : 'torn')
        assert.ok(seed % 2 === 0 || kept === undefined || whole, `${name} is torn and must not be`)
      }
    }
  }
  assert.deepEqual([...fates].sort(), ['kept', 'lost', 'torn'])
})

test('a put that failed after its effect is not safe until a later one is acknowledged', async () => {
  const there = { atRisk: 0, safe: 0 }
  for (let seed = 1; seed <= 30; seed++) {
    for (const acknowledge of [false, true]) {
      const world = new SimWorld(seed)
      const { store } = world.process(MAIN, { failAfter: 1 })
      await assert.rejects(store.put(NAME, [BYTES]), BackupError)
      assert.deepEqual(await names(world), [NAME], 'it had its effect')
      store.faults = NO_FAULTS
      if (acknowledge) assert.deepEqual(await store.put(NAME, [BYTES]), { created: false })
      await store.settle()
      there[acknowledge ? 'safe' : 'atRisk'] += (await names(world)).length
    }
  }
  assert.equal(there.safe, 30)
  assert.ok(there.atRisk > 5 && there.atRisk < 25, `${there.atRisk} of 30`)
})

test('a process that dies alone takes nothing back that shows, and a power cut may, whoever has seen it', async () => {
  const left = { stays: 0, fails: 0 }
  for (let seed = 1; seed <= 30; seed++) {
    for (const power of ['stays', 'fails'] as const) {
      const world = new SimWorld(seed)
      const { store } = world.process(MAIN, { delayMsMax: 100_000 })
      const other = world.process('other')
      const put = store.put(NAME, [BYTES]).catch(rethrowUnlessCrash)
      while ((await world.objects.stat(NAME)) === null) await world.sleep(10)
      assert.deepEqual(Buffer.from(await world.objects.get(NAME)), BYTES, 'it shows, and whole')
      assert.notEqual(await other.store.stat(NAME), null)
      store.crash()
      await put
      await store.settle(power)
      if (power === 'stays') await world.losePower()
      left[power] += (await names(world)).length
    }
  }
  assert.equal(left.stays, 30, 'the power cut came later')
  assert.ok(left.fails > 5 && left.fails < 25, `${left.fails} of 30`)
})

test('a power cut takes no process of many what one was told is safe, nor brings back what one was told is gone', () =>
  forEachSeed(FILE, 20, async (seed) => {
    const world = new SimWorld(seed)
    await world.objects.put('sess/01', [BYTES])
    const slow = world.process('slow', { delayMsMax: 100_000 })
    const [one, two] = [world.process('one'), world.process('two')]
    const open = [slow.store.put(NAME, [BYTES]), slow.store.delete('sess/01')].map((each) =>
      each.catch(rethrowUnlessCrash),
    )
    await world.sleep(world.rng() * 100_000)
    await Promise.all([one.store.put(NAME, [BYTES]), two.store.delete('sess/01')])
    await world.losePower()
    await Promise.all(open)
    assert.deepEqual(await names(world), [NAME])
  }))

test('a crash does not undo what another process was told is safe', () =>
  forEachSeed(FILE, 20, async (seed) => {
    const world = new SimWorld(seed)
    const { store } = world.process()
    const other = world.process('other')
    await Promise.all([store.put(NAME, [BYTES]).catch(rethrowUnlessCrash), other.store.put(NAME, [BYTES])])
    store.crash()
    await store.settle()
    assert.deepEqual(await names(world), [NAME])
  }))

test('a delete that was not acknowledged may come back', async () => {
  const left = new Set<number>()
  for (let seed = 1; seed <= 30; seed++) {
    const world = new SimWorld(seed)
    const { store } = world.process()
    await store.put(NAME, [BYTES])
    const deleting = store.delete(NAME).catch(rethrowUnlessCrash)
    await world.sleep((seed % 3) * 5)
    store.crash()
    await deleting
    await store.settle()
    const now = await names(world)
    left.add(now.length)
    if (now.length > 0) assert.deepEqual(Buffer.from(await world.process().store.get(NAME)), BYTES)
  }
  assert.deepEqual(
    [...left].sort((a, b) => a - b),
    [0, 1],
  )
})

test('a disk that lies may lose what was acknowledged; an honest one never does', async () => {
  const lost = { lying: 0, honest: 0 }
  for (let seed = 1; seed <= 30; seed++) {
    for (const kind of ['lying', 'honest'] as const) {
      const world = new SimWorld(seed)
      const { store } = world.process(MAIN, { lying: kind === 'lying' })
      await store.put(NAME, [BYTES])
      await store.settle()
      lost[kind] += 1 - (await names(world)).length
    }
  }
  assert.equal(lost.honest, 0)
  assert.ok(lost.lying > 2, `${lost.lying} of 30`)
})

test('a list may lag behind puts and deletes by so many milliseconds, and catches up', async () => {
  let late = 0
  let ghosts = 0
  for (let seed = 1; seed <= 30; seed++) {
    const world = new SimWorld(seed)
    const { store } = world.process(MAIN, { listLagMs: 100 })
    assert.equal(store.listLagMs, 100)
    const list = async () => (await store.list('data/')).objects.length
    await store.put(NAME, [BYTES])
    assert.ok((await store.stat(NAME)) !== null, 'only lists lag')
    if ((await list()) === 0) late++
    await world.sleep(100)
    assert.equal(await list(), 1)
    await store.delete(NAME)
    if ((await list()) === 1) ghosts++
    await world.sleep(100)
    assert.equal(await list(), 0)
  }
  assert.ok(late > 3 && ghosts > 3, `${late} late, ${ghosts} ghosts`)
})

test('reads that go wrong flip one bit or end early, and a range is never short', () =>
  forEachSeed(FILE, 20, async (seed) => {
    const world = new SimWorld(seed)
    const { store } = world.process(MAIN, { flipBit: 1 })
    await world.objects.put(NAME, [BYTES])
    const flipped = await store.get(NAME, { offset: 2, length: 6 })
    const bits = flipped.reduce((sum, byte, n) => sum + ones(byte ^ BYTES[n + 2]!), 0)
    assert.equal(bits, 1)
    store.faults = { ...NO_FAULTS, truncate: 1 }
    assert.ok((await store.get(NAME)).byteLength < BYTES.length)
    await assert.rejects(
      store.get(NAME, { offset: 2, length: 6 }),
      (error) => error instanceof BackupError && error.code === 'corrupt',
    )
    assert.deepEqual(Buffer.from(await world.objects.get(NAME)), BYTES, 'only the answer was wrong')
  }))

test('requests overtake one another and time passes without waiting for it', async () => {
  const orders = new Set<string>()
  const began = performance.now()
  for (let seed = 1; seed <= 20; seed++) {
    const world = new SimWorld(seed)
    const { store } = world.process(MAIN, { delayMsMax: 3_600_000 })
    const order: number[] = []
    await Promise.all([1, 2, 3].map((n) => store.put(`keys/${n}`, []).then(() => order.push(n))))
    orders.add(order.join(' '))
    assert.ok(world.clock.monotonic() > 1000)
    const before = world.clock.now()
    world.clock.jump(-86_400_000)
    assert.ok(world.clock.now() < before)
  }
  assert.ok(orders.size >= 4, [...orders].join('; '))
  assert.ok(performance.now() - began < 5000)
})

test('a swarm switches each fault on in some runs and off in others, and never lies', () => {
  const on = new Map<string, number>()
  for (let seed = 1; seed <= 200; seed++) {
    for (const [fault, value] of Object.entries(swarmFaults(seededRng(seed)))) {
      on.set(fault, (on.get(fault) ?? 0) + (Number(value) > 1e-9 ? 1 : 0))
    }
  }
  assert.equal(on.get('lying'), 0)
  for (const fault of ['failBefore', 'failAfter', 'flipBit', 'truncate', 'listLagMs', 'torn']) {
    assert.ok(on.get(fault)! > 20 && on.get(fault)! < 180, `${fault} in ${on.get(fault)} of 200`)
  }
})

async function names(world: SimWorld): Promise<string[]> {
  return (await world.objects.list('')).objects.map((object) => object.name)
}

function ones(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length
}
