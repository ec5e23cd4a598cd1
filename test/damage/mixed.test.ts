// Objects of two repositories in one store, as after a copy into the wrong folder: what is not the repository's own is
// passed over or named, never taken for its own, and never needed. Which objects there are depends on HOLDFAST_SIM_SEED.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { descriptionName, parseObjectName, planName, PREFIXES, writerName } from '../../src/format/names.ts'
import { diffSnapshots } from '../../src/ops/diff.ts'
import { findInSnapshots } from '../../src/ops/find.ts'
import { repositoryStats } from '../../src/ops/stats.ts'
import { listSlots } from '../../src/repo/keys/key-slots.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import { listAll } from '../../src/store/store.ts'
import { checked, readEverything, scrubbed, story } from './observation.ts'
import type { Reading } from './observation.ts'
import { firstTree, seededBytes, storeOf } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const own = await Laboratory.create(SEED)
const ownWriter = widOf(own)
/** Two others: one that another key file opens, one that the same key file opens. */
const OTHERS = [
  { whose: 'another owner', other: await Laboratory.create(SEED + 700) },
  { whose: 'the same owner', other: await Laboratory.create(SEED + 701, own.made.credential.secret) },
]

type Changes = Record<string, Uint8Array>

interface Mixture {
  readonly what: string
  /** What is copied into the repository. */
  readonly of: (other: Laboratory) => Changes
  /** Kinds of objects that scrub and check name, or their writer; others are passed over. */
  readonly scrub: readonly string[]
  readonly check: readonly string[]
}

const SIGNED = ['index', 'snapshot', 'session', 'session-end', 'session-keys']
const MIXTURES: readonly Mixture[] = [
  ...SIGNED.map((kind) => ({ what: `objects of the kind ${kind}`, of: only(kind), scrub: [kind], check: [kind] })),
  { what: 'certificates of writers', of: only('writer'), scrub: ['writer'], check: ['writer'] },
  // Nothing in the clear tells whose they are; what a slot opens only its owner can know.
  { what: 'packs', of: only('pack'), scrub: [], check: ['pack'] },
  { what: 'key slots', of: only('key-slot'), scrub: [], check: [] },
  { what: 'a newer description', of: description, scrub: ['description'], check: ['description'] },
  {
    what: 'everything but certificates and the description',
    of: (other) => without(everything(other), 'writer'),
    scrub: SIGNED,
    check: [...SIGNED, 'pack'],
  },
  {
    what: 'everything but the description',
    of: everything,
    scrub: [...SIGNED, 'writer'],
    check: [...SIGNED, 'writer', 'pack'],
  },
]

for (const { whose, other } of OTHERS) {
  for (const { what, of, scrub, check } of MIXTURES) {
    test(`${what} of a repository of ${whose} are named or passed over, and nothing of it is read`, async () => {
      const changes = of(other)
      const store = await own.storeWith(changes)
      assertNamed(await scrubbed(store), changes, scrub, 'scrub')
      const repo = await own.made.open(store)
      for (const problem of repo.problems) assert.ok(problem.subject in changes, story(problem))
      const { damages } = await checked(repo)
      assert.deepEqual(
        damages.flatMap(({ affected }) => affected),
        [],
        'it costs the repository nothing',
      )
      assertNamed(
        damages.map(({ object }) => object),
        changes,
        check,
        'check',
      )
      await assertOwn(store, changes)
    })

    test(`a backup beside ${what} of a repository of ${whose} relies on nothing of it`, async () => {
      const changes = of(other)
      const store = await own.storeWith(changes)
      // What the other one has stored is new here.
      await own.made.backup(firstTree(seededBytes(SEED + 1700)), store, own.made.copyOfState())
      for (const name of Object.keys(changes)) await store.delete(name)
      const repo = await own.made.open(store)
      const heads = (await repo.snapshots()).flatMap(({ body }) => body.heads.map(({ wid }) => toHex(wid)))
      assert.ok(heads.every((wid) => wid === ownWriter))
      const { damages, counts, unknown } = await checked(repo)
      assert.deepEqual([damages, unknown], [[], []])
      assert.deepEqual([counts.snapshots, counts.packsUnindexed], [3, 0])
    })
  }
}

test('a deletion plan of another repository is named by check, and no backup goes on beside it', async () => {
  const { other } = OTHERS[0]!
  const [name, plan] = await planOf(other)
  const store = await own.storeWith({ [name]: plan })
  const { damages } = await checked(await own.made.open(store))
  assert.deepEqual(
    damages.map(({ object }) => object),
    [name],
  )
  await assertOwn(store, { [name]: plan })
  // It may be one that cannot be read any more: what it condemns is not known.
  const before = await snapshotNames(store)
  await assert.rejects(own.made.backup({ a: new Uint8Array(9) }, store), (error) => story(error).includes(name))
  assert.deepEqual(await snapshotNames(store), before)
  await store.delete(name)
  await own.made.backup({ a: new Uint8Array(9) }, store)
})

test('two whole repositories of one key file in one store: one is opened, and what is of the other is named', async () => {
  const { other } = OTHERS[1]!
  for (const [a, b] of [
    [own, other],
    [other, own],
  ] as const) {
    const store = await a.storeWith({ ...everything(b), ...description(b) })
    const repo = await a.made.open(store)
    const [mine, foreign] = toHex(repo.id) === toHex((await a.made.open()).id) ? [a, b] : [b, a]
    assert.equal(repo.problems.length, 1)
    assert.match(story(repo.problems[0]), /^corrupt format\/[12] this description is of another repository/)
    const reading = await readEverything(repo)
    assertReading(reading, mine.whole, new Set(foreign.objects.keys()))
    const named = new Set((await checked(repo)).damages.map(({ object }) => object))
    assert.ok(named.has(writerName(widOf(foreign))))
    for (const name of named) assert.ok(foreign.objects.has(name) || name.startsWith(PREFIXES.format), name)
  }
})

test('two copies of one repository that were both written to and put together again: both are read, and check says so', async () => {
  const [one, two] = [await own.storeWith({}), await own.storeWith({})]
  await own.made.backup({ here: new Uint8Array(3000).fill(1) }, one, own.made.copyOfState())
  await own.made.backup({ there: new Uint8Array(3000).fill(2) }, two, own.made.copyOfState())
  for await (const { name } of listAll(two, '')) await one.put(name, [await two.get(name)])
  const reading = await readEverything(await own.made.open(one))
  const paths = [...reading.values()].flatMap((found) => {
    assert.ok(!(found instanceof BackupError))
    assert.ok([...found.values()].every((each) => typeof each === 'string'))
    return [...found.keys()]
  })
  assert.ok(paths.includes('/source/here') && paths.includes('/source/there'))
  const { damages } = await checked(await own.made.open(one))
  assert.equal(damages.length, 1)
  assert.equal(parseObjectName(damages[0]!.object)?.kind, 'snapshot')
  assert.match(damages[0]!.messages.join(), /has the same number/)
})

/** Every way of reading gives what it gave before anything was copied, and says what it passes over. */
async function assertOwn(store: MemoryStore, changes: Changes): Promise<void> {
  const repo = await own.made.open(store)
  const names = new Set(Object.keys(changes))
  assertReading(await readEverything(repo), own.whole, names)
  for (const { message } of repo.index.damaged)
    assert.ok(
      [...names].some((name) => message.includes(name)),
      message,
    )
  const { snapshots, problems } = await repo.catalog.readable()
  for (const problem of problems) assert.ok(names.has(problem.subject), story(problem))
  const expected = await own.made.open()
  await expected.loadIndex()
  assert.deepEqual(await told(repo), await told(expected))
  assert.deepEqual(
    snapshots.map(({ id, confirmed }) => [id, confirmed]),
    (await expected.snapshots()).map(({ id, confirmed }) => [id, confirmed]),
  )
  const ofOthers = snapshots.length < (await repo.catalog.list()).length
  if (ofOthers) await assert.rejects(repo.findSnapshot('latest'), (error) => names.has((error as BackupError).subject))
  else assert.equal((await repo.findSnapshot('latest')).id, snapshots.at(-1)!.id)
  await own.restoreOrNamed(await own.made.open(store), [])
}

/** What find, diff, stats and the list of keys say, without the sizes of the store. */
async function told(repo: Repository): Promise<unknown> {
  const { snapshots } = await repo.catalog.readable()
  const lines: string[] = []
  const found = await findInSnapshots({ reader: repo, snapshots, rootOf: ({ body }) => body.root, matches: () => true })
  for (const { path, snapshots: inThese } of found) lines.push(`${toHex(path)} ${inThese.map(({ id }) => id).join()}`)
  const [from, to] = snapshots.map(({ body }) => ({ root: body.root, path: new Uint8Array() }))
  const onChange = (change: string, path: Uint8Array) => lines.push(`${change} ${toHex(path)}`)
  const diff = await diffSnapshots({ reader: repo, from: from!, to: to!, metadata: true, onChange })
  const { objects: _, storeBytes: __, ...stats } = await repositoryStats(repo, snapshots)
  const { slots } = await listSlots(repo.store, repo.bundle)
  return [lines, diff, stats, slots.flatMap(({ label }) => (label === null ? [] : [label]))]
}

/** What is own is as it was, and everything else an error that names something foreign. */
function assertReading(reading: Reading, whole: Reading, foreign: ReadonlySet<string>): void {
  for (const [name, found] of whole) assert.deepEqual(reading.get(name), found)
  for (const [name, found] of reading) {
    if (whole.has(name)) continue
    assert.ok(foreign.has(name) && found instanceof BackupError, `${name} is read`)
    assert.match(story(found), /belongs to another repository/)
  }
}

/** The names found are of what was copied or of its writer; and of each of `kinds` all, or their writer. */
function assertNamed(found: readonly string[], changes: Changes, kinds: readonly string[], who: string): void {
  const named = new Set(found)
  const writers = OTHERS.map(({ other }) => writerName(widOf(other)))
  for (const name of named) assert.ok(name in changes || writers.includes(name), `${who} names ${name}`)
  const byWriter = writers.some((name) => named.has(name))
  for (const name of Object.keys(changes)) {
    const { kind } = parseObjectName(name)!
    if (kinds.includes(kind)) assert.ok(named.has(name) || byWriter, `${who} does not name ${name}`)
    else assert.ok(!named.has(name), `${who} names ${name}`)
  }
}

function only(kind: string): (other: Laboratory) => Changes {
  return (other) => Object.fromEntries(other.names(kind).map((name) => [name, other.objects.get(name)!]))
}

/** The description would have the name of the own one. */
function everything(other: Laboratory): Changes {
  return without(Object.fromEntries(other.objects), 'description')
}

function without(changes: Changes, kind: string): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => parseObjectName(name)!.kind !== kind))
}

function description(other: Laboratory): Changes {
  return { [descriptionName(2)]: other.objects.get(descriptionName(1))! }
}

async function planOf({ made, objects }: Laboratory): Promise<[string, Uint8Array]> {
  const repo = await made.open(await storeOf(objects))
  const { signer } = await writerIdentity(repo, { ...made, host: 'pruner' })
  const plan = { pid: made.random(16), dataPacks: [], metaPacks: [], created: timespecFromMs(made.clock.now()) }
  return [planName(plan.pid), encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer })]
}

function widOf({ objects }: Laboratory): string {
  for (const name of objects.keys()) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'writer') return parsed.wid
  }
  throw new Error('there is no writer')
}

async function snapshotNames(store: MemoryStore): Promise<string[]> {
  return (await store.list(PREFIXES.snapshots)).objects.map(({ name }) => name)
}
