// Repairs of real repositories in real folders: every kind of object, every kind of damage; what is healed is as it was.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import { parityName, PREFIXES } from '../../src/format/names.ts'
import { encodeParityObject } from '../../src/format/parity-object.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { OperationEvent } from '../../src/ops/events.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import type { RepairResult } from '../../src/ops/repair/repair.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { ParityEncoder } from '../../src/parity/code.ts'
import { shapeFor } from '../../src/parity/shape.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { OverlayStore } from '../../src/store/overlay-store.ts'
import type { Store } from '../../src/store/store.ts'
import { storeOf } from '../damage/small-repository.ts'
import { backUp } from '../support/scratch-backup.ts'
import { kinds, largePack, names, objectsOf, scene } from '../support/repair-scene.ts'

test('a repository without damage is left as it is, and has all its parity from the backups', async (t) => {
  const s = await scene(t)
  const { steps, lostCount } = await s.repair()
  assert.deepEqual([steps, lostCount], [[], 0])
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
})

const HARMS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'a flipped bit': (bytes) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 4),
  'its first sector lost': (bytes) => bytes.slice().fill(0, 0, 4096),
  'its last bytes cut off': (bytes) => bytes.slice(0, -Math.min(bytes.length - 1, 3000)),
  'a hole in the middle': (bytes) => bytes.slice().fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 8000),
  'something behind it': (bytes) => new Uint8Array([...bytes, 1, 2, 3]),
}

/** What has parity, but for the description, without which no repository opens. */
const PROTECTED = ['pack', 'session-keys', 'snapshot', 'writer'] as const

test('objects of every kind are healed by parity, bit for bit', async (t) => {
  const s = await scene(t)
  for (const [harm, apply] of Object.entries(HARMS)) {
    const harmed = PROTECTED.flatMap((kind) => names(s, kind))
    for (const name of harmed) s.put(name, apply(s.objects.get(name)!))
    const result = await s.repair()
    assert.deepEqual([result.lost.map(({ object }) => object), await s.damages()], [[], []], harm)
    assert.ok(result.steps.every((step) => step.kind === 'healed' && step.from === 'parity'))
    assert.equal(result.steps.length, harmed.length)
    assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
  }
  assert.deepEqual(await s.scratch.readAll(), s.content)
})

test('small objects and metadata that are gone are brought back from parity', async (t) => {
  const s = await scene(t, { data: 0.05, meta: 1 })
  const gone = [...names(s, 'session-keys'), ...names(s, 'writer'), names(s, 'snapshot')[0]!]
  gone.push(...names(s, 'pack').filter((name) => name.startsWith(PREFIXES.meta)))
  for (const name of gone) rmSync(s.pathOf(name))
  const result = await s.repair()
  assert.deepEqual(new Set(result.steps.flatMap((step) => ('object' in step ? [step.object] : []))), new Set(gone))
  assert.deepEqual(await s.damages(), [])
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
})

test('a log record that is gone from the middle of its chain is brought back', async (t) => {
  const s = await scene(t)
  const repo = await s.scratch.open()
  const shared = { state: s.state, clock: systemClock, random: secureRandom }
  const writer = await writerIdentity(repo, { ...shared, host: 'test' })
  const append = (text: string) =>
    appendRecord(repo, { kind: 'note', text }, { writer, clock: systemClock, by: 'test' })
  const [, { objectName }] = [await append('one'), await append('two'), await append('three')]
  const bytes = readFileSync(s.pathOf(objectName))
  rmSync(s.pathOf(objectName))
  assert.deepEqual(await s.damages(), [objectName])
  const { steps } = await s.repair()
  assert.deepEqual(steps, [{ kind: 'brought-back', object: objectName, from: 'parity' }])
  assert.deepEqual(readFileSync(s.pathOf(objectName)), bytes)
  assert.deepEqual(await s.damages(), [])
})

test('parity that is damaged or gone is made again', async (t) => {
  const s = await scene(t)
  const [a, b] = names(s, 'parity')
  s.put(a!, s.objects.get(a!)!.slice().fill(0, 30, 40))
  rmSync(s.pathOf(b!))
  const { steps } = await s.repair()
  assert.deepEqual(new Set(steps.flatMap((step) => ('object' in step ? [step.object] : []))), new Set([a, b]))
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
})

test('parity that is whole and of other bytes is made again', async (t) => {
  const s = await scene(t)
  const isLarge = (name: string) => name.startsWith(PREFIXES.data) && s.objects.get(name)!.length > 100_000
  const [one, other] = names(s, 'pack').filter(isLarge) as [string, string]
  const bytes = s.objects.get(other)!
  const misread = bytes.slice()
  misread[5000]! ^= 1
  const shape = shapeFor(bytes.length, 0.05)
  const encoder = new ParityEncoder(shape)
  encoder.add(misread)
  s.put(parityName(one), s.objects.get(parityName(other))!)
  s.put(parityName(other), encodeParityObject(hash(bytes), shape, encoder.finish(), 1))
  const { steps } = await s.repair()
  assert.deepEqual(
    steps.map(({ kind, ...step }) => ('object' in step ? `${kind} ${step.object}` : kind)).toSorted(),
    [one, other].map((name) => `parity-made ${parityName(name)}`).toSorted(),
  )
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
})

test('a damaged intent is made good only once its session has ended: it might undo a fence', async (t) => {
  const s = await scene(t)
  const [intent] = names(s, 'session') as [string]
  const end = `${intent}.end`
  const mirror = await storeOf(s.objects)
  const now = () => new Uint8Array(readFileSync(s.pathOf(intent)))
  s.put(intent, s.objects.get(intent)!.slice().fill(0, 30, 40))
  rmSync(s.pathOf(end))
  const { reasons, passing } = await s.repair({ mirror })
  assert.match(reasons.get(intent)!.join(), /its session may be under way/)
  assert.equal(passing.size, 0)
  assert.notDeepEqual(now(), new Uint8Array(s.objects.get(intent)!))
  s.put(end, s.objects.get(end)!)
  const alone = await s.repair()
  assert.deepEqual([alone.lost.map(({ object }) => object), [...alone.passing]], [[intent], [intent]])
  assert.ok(!kinds(alone).includes('recorded'), 'nothing is lost with it')
  await s.repair({ mirror })
  assert.deepEqual(now(), new Uint8Array(s.objects.get(intent)!))
})

test('a pack heals also when its parity is damaged in part', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  const parity = `parity/${pack}`
  s.put(pack, s.objects.get(pack)!.slice().fill(1, 50_000, 51_000))
  s.put(parity, s.objects.get(parity)!.slice().fill(0, 0, 100))
  assert.deepEqual(kinds(await s.repair()), ['healed', 'parity-made'])
  assert.deepEqual(await objectsOf(await s.scratch.store()), s.objects)
})

test('the index is made again from the packs when all of it is lost or damaged', async (t) => {
  const s = await scene(t)
  const [first, ...others] = names(s, 'index')
  for (const name of others) rmSync(s.pathOf(name))
  s.put(first!, s.objects.get(first!)!.slice().fill(7, 100, 200))
  const { steps, lostCount } = await s.repair()
  assert.equal(lostCount, 0)
  assert.deepEqual(
    steps.map(({ kind }) => kind).filter((kind) => kind !== 'parity-made'),
    ['indexed', 'set-aside'],
  )
  assert.deepEqual(await s.damages(), [])
  assert.deepEqual(await s.scratch.readAll(), s.content)
  const repo = await s.scratch.open()
  const { indexIncomplete } = await checkRepository({ repo, depth: 'structure', rng: seededRng(1), threads: 0 })
  assert.equal(indexIncomplete, false)
})

test('what is set aside twice is kept twice', async (t) => {
  const s = await scene(t)
  const [first] = names(s, 'index')
  for (const digit of [7, 8]) {
    s.put(first!, s.objects.get(first!)!.slice().fill(digit, 100, 200))
    assert.ok((await s.repair()).steps.some(({ kind }) => kind === 'set-aside'))
  }
  const kept = await (await s.scratch.store()).list('damaged/')
  assert.equal(kept.objects.length, 2)
  assert.ok(kept.objects.every(({ name }) => name.endsWith(first!)))
  assert.deepEqual(await s.damages(), [])
})

test('what is beyond parity is told with the paths it costs, noted in the log, and stored again by the next backup', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  s.put(pack, s.objects.get(pack)!.slice().fill(9, 8, 150_000))
  const result = await s.repair()
  assert.deepEqual(
    result.lost.map(({ object }) => object),
    [pack],
  )
  assert.ok(result.lost[0]!.affected.length === 2 && result.lost[0]!.affected.every(({ pathCount }) => pathCount > 0))
  assert.match(result.reasons.get(pack)!.join(), /parity: .* bytes are lost where it cannot make good so many/)
  assert.deepEqual(kinds(result), ['distrusted', 'recorded'])
  // The rest can be restored; and the source still has what is lost.
  await backUp(s.scratch, [s.source], { state: s.state })
  const [, , third] = await s.scratch.readAll()
  assert.deepEqual(third, s.content[1])
  const told: OperationEvent[] = []
  const { counts, damages } = await checkRepository({
    repo: await s.scratch.open(),
    depth: 'all',
    rng: seededRng(1),
    threads: 0,
    onEvent: (event) => void (event.type !== 'progress' && told.push(event)),
  })
  assert.deepEqual([damages, counts.packsSuperseded], [[], 1])
  assert.ok(told.length > 0)
  for (const event of told) {
    assert.ok(event.type === 'warning' && event.message.startsWith(pack))
    assert.match(event.message, /nothing needs this pack any more/)
  }
  assert.deepEqual(kinds(await s.repair()), ['recorded'], 'that nothing is lost any more')
  assert.deepEqual(kinds(await s.repair()), [])
  // All snapshots are whole again, since what was stored again has the same names.
  assert.deepEqual((await s.scratch.readAll()).slice(0, 2), s.content)
})

test('a rehearsal says exactly what the repair then does, and changes nothing', async (t) => {
  const s = await scene(t)
  const packs = names(s, 'pack')
  for (const name of packs) s.put(name, HARMS['a hole in the middle']!(s.objects.get(name)!))
  rmSync(s.pathOf(names(s, 'index')[0]!))
  rmSync(s.pathOf(names(s, 'session-keys')[0]!))
  rmSync(s.pathOf(names(s, 'parity').find((name) => name.includes('/snap/'))!))
  const before = await objectsOf(await s.scratch.store())
  const rehearsal = new OverlayStore(await s.scratch.store(), { now: () => Date.UTC(2026, 0), bytesMax: 1e9 })
  const foretold = await s.repair({}, rehearsal)
  assert.deepEqual(await objectsOf(await s.scratch.store()), before)
  const done = await s.repair()
  const told = ({ steps }: RepairResult) =>
    steps.map((step) => ('object' in step ? `${step.kind} ${step.object}` : step.kind))
  assert.deepEqual(told(done).filter(isTheSame), told(foretold).filter(isTheSame))
  assert.ok(told(done).length > packs.length)
  assert.deepEqual(await s.damages(), [])
})

/** Objects of the session that indexes have other names each time. */
const isTheSame = (step: string) => !/^parity-made .*\/(?:skeys|log)\//.test(step)

test('names that belong to no repository are left alone', async (t) => {
  const s = await scene(t)
  const notes = join(s.scratch.location, 'notes')
  mkdirSync(notes)
  writeFileSync(join(notes, 'readme'), 'mine')
  await s.repair()
  assert.equal(readFileSync(join(notes, 'readme'), 'utf8'), 'mine')
})

test('who may maintain checks and repairs without reading a file; who may only write does not', async (t) => {
  const s = await scene(t)
  const maintain = await s.scratch.addRole('maintain')
  const write = await s.scratch.addRole('write')
  for (const name of names(s, 'pack')) s.put(name, HARMS['a hole in the middle']!(s.objects.get(name)!))
  rmSync(s.pathOf(names(s, 'index')[0]!))
  const opts = { state: memoryState(), clock: systemClock, random: secureRandom, host: 'm', tool: 'test', by: 'm' }
  await assert.rejects(repair(await s.scratch.openWith(write), opts), { code: 'wrong-key' })
  const result = await repair(await s.scratch.openWith(maintain), opts)
  assert.ok(kinds(result).includes('indexed'))
  // Other than in the middle of the largest packs everything was within reach, and no more is lost than for anybody.
  const { damages, counts } = await checkRepository({
    repo: await s.scratch.openWith(maintain),
    depth: 'all',
    rng: seededRng(1),
    threads: 0,
  })
  assert.deepEqual([result.lostCount, damages], [0, []])
  const data = names(s, 'pack').filter((name) => name.startsWith(PREFIXES.data)).length
  assert.equal(counts.packsHashedOnly, data)
  assert.deepEqual(await s.scratch.readAll(), s.content)
})

test('sectors that cannot be read at all are computed like those that say something else', async (t) => {
  const s = await scene(t)
  const pack = largePack(s)
  const inner = await s.scratch.store()
  let healed = false
  const get: Store['get'] = async (name, range) => {
    const end = range === undefined ? Infinity : range.offset + range.length
    if (name === pack && !healed && (range?.offset ?? 0) < 28_672 && end > 20_480) {
      throw new BackupError('io', 'EIO: i/o error, read', name)
    }
    return inner.get(name, range)
  }
  const replace: Store['replace'] = async (name, parts) => {
    healed = true
    return inner.replace!(name, parts)
  }
  const failing = new Proxy(inner, {
    get: (target, key) => {
      if (key === 'get') return get
      if (key === 'replace') return replace
      const own: unknown = Reflect.get(target, key, target)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
  const { steps, lostCount } = await s.repair({}, failing)
  assert.deepEqual([steps.map(({ kind }) => kind), lostCount], [['healed'], 0])
  assert.deepEqual(await objectsOf(inner), s.objects)
})

test('a store that cannot be written to is left as it is', async (t) => {
  const s = await scene(t)
  const name = names(s, 'snapshot')[0]!
  chmodSync(s.pathOf(name), 0o600)
  truncateSync(s.pathOf(name), 50)
  const { ReadOnlyStore } = await import('../../src/store/read-only-store.ts')
  await assert.rejects(s.repair({}, new ReadOnlyStore(await s.scratch.store())), { code: 'refused' })
})
