// Checks that read a share of the packs: what was read is remembered, kept when a check is stopped, and bounded in its rate.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { parityName, PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { CheckOptions, CheckResult } from '../../src/ops/check.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { ReadTimes } from '../../src/repo/packs/read-times.ts'
import { CountingStore } from '../../src/store/counting-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { ThrottledStore } from '../../src/store/throttled-store.ts'
import { VirtualTime } from '../sim/virtual-time.ts'
import { MemoryRepository } from '../support/memory-repository.ts'
import { ScriptedSource } from '../support/scripted-source.ts'

const DAY = 24 * 60 * 60 * 1000
const PACKS = 12

interface Scene {
  readonly made: MemoryRepository
  readonly packs: string[]
  readonly state: LocalState
  /** By another process each time: what is remembered is read and written. */
  check(opts?: Partial<CheckOptions>, store?: Store): Promise<CheckResult>
  /** Names of the packs that a check reads whole. */
  reads(opts?: Partial<CheckOptions>): Promise<string[]>
}

async function scene(clock = new VirtualTime()): Promise<Scene> {
  const chunker = { min: 1024, average: 4096, max: 16_384 }
  const made = await MemoryRepository.create({ packSize: 65_536, chunker })
  const rng = seededRng(7)
  const noise = () => Uint8Array.from({ length: 60_000 }, () => Math.floor(rng() * 256))
  await made.backup(new ScriptedSource(Object.fromEntries(Array.from({ length: PACKS }, (_, i) => [`f${i}`, noise()]))))
  const state = memoryState()
  const packs: string[] = []
  for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
    for await (const { name } of listAll(made.store, prefix)) packs.push(name)
  }
  const check: Scene['check'] = async (opts = {}, store = made.store) => {
    const repo = await made.open(store)
    const times = await ReadTimes.load(repo, state)
    return checkRepository({ repo, depth: 'sample', rng: seededRng(3), threads: 0, clock, times, ...opts })
  }
  const reads: Scene['reads'] = async (opts) => {
    const read: string[] = []
    const watched = watching(made.store, async (name, whole) => {
      if (whole && packs.includes(name)) read.push(name)
    })
    await check(opts, watched)
    return read
  }
  return { made, packs, state, check, reads }
}

/** A store that calls `before` before each get. */
function watching(store: Store, before: (name: string, whole: boolean) => Promise<void>): Store {
  return {
    location: store.location,
    listLagMs: 0,
    put: (name, parts) => store.put(name, parts),
    get: async (name, range) => {
      await before(name, range === undefined)
      return store.get(name, range)
    },
    stat: (name) => store.stat(name),
    keep: (name) => store.keep(name),
    list: (prefix, cursor) => store.list(prefix, cursor),
    delete: (name) => store.delete(name),
    close: () => store.close(),
  }
}

test('samples of a quarter read everything in about four runs, each pack once', async () => {
  const s = await scene()
  const read: string[] = []
  for (let run = 0; run < 3; run++) read.push(...(await s.reads({ sample: 0.25 })))
  assert.equal(new Set(read).size, read.length, 'nothing twice as long as something was never read')
  while (new Set(read).size < s.packs.length) read.push(...(await s.reads({ sample: 0.25 })))
  assert.ok(read.length <= s.packs.length * 1.5)
})

test('a share of a period is read each time, and everything within it', async () => {
  const clock = new VirtualTime()
  const s = await scene(clock)
  const read = new Set<string>()
  let most = 0
  for (let day = 0; day < 8; day++) {
    const today = await s.reads({ withinMs: 8 * DAY })
    for (const name of today) read.add(name)
    most = Math.max(most, today.length)
    await clock.sleep(DAY)
  }
  assert.deepEqual([...read].sort(), [...s.packs].sort())
  assert.ok(most < s.packs.length / 2, `${most} at once`)
})

test('without what is remembered, or with another key to it, a check begins anew', async () => {
  const s = await scene()
  await s.reads({ sample: 1 })
  const [name] = await namesOf(s.state, s.made)
  await s.state.write(name!, new Uint8Array(100))
  assert.ok((await s.reads({ sample: 0.1 })).length >= 1)
  const { damages } = await s.check({ sample: 0.1, times: ReadTimes.forgetful() })
  assert.deepEqual(damages, [])
})

/** The names under which something is kept: found by asking for what a check asks for. */
async function namesOf(state: LocalState, made: MemoryRepository): Promise<string[]> {
  const names: string[] = []
  const repo = await made.open()
  const asked: LocalState = {
    ...state,
    read: (name) => {
      names.push(name)
      return state.read(name)
    },
  }
  await ReadTimes.load(repo, asked)
  return names
}

test('what was verified before a check was stopped is passed over when it goes on', async () => {
  const clock = new VirtualTime()
  const s = await scene(clock)
  const stop = new AbortController()
  let reads = 0
  const watched = watching(s.made.store, async (name, whole) => {
    if (whole && s.packs.includes(name) && ++reads === 5) stop.abort()
  })
  await assert.rejects(s.check({ depth: 'all', signal: stop.signal }, watched), { code: 'interrupted' })
  const { unfinishedMs } = await ReadTimes.load(await s.made.open(), s.state)
  assert.ok(unfinishedMs !== undefined)
  await clock.sleep(DAY)
  const { counts } = await s.check({ depth: 'all', sinceMs: unfinishedMs })
  assert.ok(counts.packsPassedOver >= 3)
  assert.equal(counts.packsRead + counts.packsPassedOver, s.packs.length)
  assert.equal((await ReadTimes.load(await s.made.open(), s.state)).unfinishedMs, undefined)
})

test('a check of everything that is stopped before its first pack, or after its last one, can be gone on with', async () => {
  const s = await scene()
  // The check that comes to it is stopped before it reads that this is no parity.
  const parity = parityName(s.packs[0]!)
  await s.made.store.put(parity, [new Uint8Array(8)])
  for (const [listed, passedOver] of [
    [PREFIXES.sessions, 0],
    [PREFIXES.parity, s.packs.length],
  ] as const) {
    const stop = new AbortController()
    const plain = watching(s.made.store, async () => {})
    const stopping: Store = {
      ...plain,
      list: (prefix, cursor) => {
        if (prefix === listed) stop.abort()
        return plain.list(prefix, cursor)
      },
    }
    await assert.rejects(s.check({ depth: 'all', signal: stop.signal }, stopping), { code: 'interrupted' })
    const { unfinishedMs } = await ReadTimes.load(await s.made.open(), s.state)
    assert.ok(unfinishedMs !== undefined, `stopped at ${listed}`)
    if (listed === PREFIXES.parity) await s.made.store.delete(parity)
    const { counts } = await s.check({ depth: 'all', sinceMs: unfinishedMs })
    assert.deepEqual([counts.packsPassedOver, counts.packsRead], [passedOver, s.packs.length - passedOver])
  }
})

test('a damaged pack is not remembered as read: it comes first the next time', async () => {
  const s = await scene()
  const [pack] = s.packs
  const good = await s.made.store.get(pack!)
  await s.reads({ sample: 1 })
  s.made.store.damage(pack!, good.with(1000, good[1000]! ^ 1))
  assert.equal((await s.check({ depth: 'all' })).damageCount, 1)
  assert.deepEqual(await s.reads({ sample: 1e-9 }), [pack])
})

test('state that cannot be written is a warning and no failure', async () => {
  const s = await scene()
  const warnings: string[] = []
  const repo = await s.made.open()
  const broken: LocalState = {
    ...s.state,
    write: async () => {
      throw new BackupError('refused', 'writing local state', 'there')
    },
  }
  const result = await s.check({
    repo,
    depth: 'all',
    times: await ReadTimes.load(repo, broken),
    onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
  })
  assert.deepEqual([result.damageCount, warnings.length], [0, 1])
})

test('a store that goes away in the middle is unreachable; with damage found before it, damaged, and both are told', async () => {
  const s = await scene()
  let reads = 0
  let bad: string | undefined
  const failing = watching(s.made.store, async (name, whole) => {
    if (!whole || !s.packs.includes(name)) return
    bad ??= name
    if (++reads > 3) throw new BackupError('unreachable', 'no answer', name)
  })
  await assert.rejects(s.check({ depth: 'all' }, failing), { code: 'unreachable' })
  await assert.rejects(scrubStore({ store: failing }), { code: 'unreachable' })
  // The order in which packs are read is the same every time.
  const good = await s.made.store.get(bad!)
  s.made.store.damage(bad!, good.with(1000, good[1000]! ^ 1))
  reads = 0
  const result = await s.check({ depth: 'all' }, failing)
  assert.deepEqual([result.damages.map(({ object }) => object), result.stoppedBy?.code], [[bad], 'unreachable'])
})

test('a limited rate is kept over the whole run', async () => {
  const time = new VirtualTime()
  const s = await scene(time)
  const bytesPerSecond = 20_000
  const counting = new CountingStore(s.made.store)
  const store = new ThrottledStore(counting, { bytesPerSecond, clock: time, sleep: (ms) => time.sleep(ms) })
  const began = time.monotonic()
  await checkRepository({ repo: await s.made.open(store), depth: 'all', rng: seededRng(1), threads: 0 })
  const seconds = (time.monotonic() - began) / 1000
  const { bytesRead } = counting.counts
  assert.ok(bytesRead > 500_000, 'everything was read')
  assert.ok(bytesRead / seconds <= bytesPerSecond * 1.01, `${bytesRead} bytes in ${seconds} s`)
})
