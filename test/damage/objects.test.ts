// Whole objects that are cut, empty, gone, exchanged, or of another time: named, and never taken for what they are not.
// Which positions are tried depends on HOLDFAST_SIM_SEED; HOLDFAST_DAMAGE multiplies them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { equalBytes } from '../../src/base/bytes.ts'
import { seededRng } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { decodeIndexSegment, encodeIndexSegment } from '../../src/format/index-segment.ts'
import { indexName, parseObjectName, writerName } from '../../src/format/names.ts'
import { OBJECT_TYPES } from '../../src/format/object-header.ts'
import { readSignerId, writerIdOf } from '../../src/format/signed-object.ts'
import { encodeWriterCertificate } from '../../src/format/writer-cert.ts'
import { checked, damagedObjects, readEverything, scrubbed } from './observation.ts'
import { seededBytes, SmallRepository } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const TIMES = Number(process.env['HOLDFAST_DAMAGE'] || 1)
const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const rng = seededRng(SEED)
const below = (bound: number): number => Math.floor(rng() * bound)
const lab = await Laboratory.create(SEED)
const NAMES = [...lab.objects.keys()]
const kindOf = (name: string): string => parseObjectName(name)!.kind

/** Everybody names exactly the objects `names`, whatever the bytes in their place are. */
async function assertDamaged(changes: Record<string, Uint8Array>, what: string, restoreToo = false): Promise<void> {
  const names = Object.keys(changes).sort()
  try {
    const store = await lab.storeWith(changes)
    // What an intent is called stands in its sealed part: a scrub has no key to look.
    const exchanged = names.every((name) => kindOf(name) === 'session' && isIntent(changes[name]!))
    assert.deepEqual(await scrubbed(store), exchanged ? [] : names)
    const repo = await lab.openOrNamed(store, names)
    if (repo === undefined) return
    const check = await checked(repo)
    assert.deepEqual(damagedObjects(check), names)
    const fresh = await lab.made.open(store)
    await lab.readOrNamed(fresh, names, check)
    if (restoreToo) await lab.restoreOrNamed(fresh, names)
  } catch (cause) {
    throw new Error(`${what} (seed ${SEED}): ${(cause as Error).stack}`, { cause })
  }
}

const isIntent = (bytes: Uint8Array): boolean =>
  lab.names('session').some((name) => equalBytes(lab.objects.get(name)!, bytes))

test('an object that is cut anywhere, or longer than it was, is named', async () => {
  for (const name of NAMES) {
    const bytes = lab.objects.get(name)!
    const n = bytes.length
    const lengths = new Set([0, 1, 8, n - 64, n - 1, ...Array.from({ length: TIMES }, () => below(n))])
    for (const length of lengths) {
      await assertDamaged(
        { [name]: bytes.slice(0, Math.max(0, length)) },
        `${name} cut to ${length}`,
        length === n - 64,
      )
    }
    await assertDamaged({ [name]: new Uint8Array([...bytes, 0]) }, `${name} with a byte more`)
  }
})

test('an object with the bytes of another one of its kind is named', async () => {
  for (const name of NAMES) {
    const others = NAMES.filter((other) => other !== name && kindOf(other) === kindOf(name))
    if (others.length === 0) continue
    const other = others[below(others.length)]!
    await assertDamaged({ [name]: lab.objects.get(other)! }, `${other} in the place of ${name}`, true)
  }
})

test('an object with the bytes of another kind is named', async () => {
  for (const name of NAMES) {
    const others = NAMES.filter((other) => kindOf(other) !== kindOf(name))
    const other = others[below(others.length)]!
    await assertDamaged({ [name]: lab.objects.get(other)! }, `${other} in the place of ${name}`)
  }
})

test('two objects that have changed places are both named', async () => {
  for (const kind of new Set(NAMES.map(kindOf))) {
    const [a, b] = lab.names(kind)
    if (a === undefined || b === undefined) continue
    const changes = { [a]: lab.objects.get(b)!, [b]: lab.objects.get(a)! }
    await assertDamaged(changes, `${a} and ${b} exchanged`, true)
  }
})

test('an object of the same name from another repository is named', async () => {
  const foreign = await Laboratory.create(SEED + 500)
  for (const kind of new Set(NAMES.map(kindOf))) {
    const name = lab.names(kind)[0]!
    const bytes = foreign.objects.get(foreign.names(kind)[0]!)!
    const store = await lab.storeWith({ [name]: bytes })
    const found = await scrubbed(store)
    // A description that is valid in itself cannot be told from the right one without a key, its writers' can.
    if (kind === 'description') assert.ok(found.includes(lab.names('writer')[0]!))
    else assert.deepEqual(found, [name])
    const repo = await lab.openOrNamed(store, [name, store.location])
    if (kind === 'description') assert.equal(repo, undefined)
    if (repo !== undefined) await lab.readOrNamed(repo, [name], await checked(await lab.made.open(store)))
  }
})

interface Loss {
  readonly kind: string
  /** What a scrub without keys says is missing or cannot be verified any more; undefined where it cannot know. */
  readonly scrub: (name: string) => readonly string[]
  readonly check: (name: string) => readonly string[]
  /** Codes of the damages; a loss is never called damage of the object itself. */
  readonly readable: boolean
}

const snapshots = lab.names('snapshot')
const signedInTheClear = [...lab.names('session-keys'), ...lab.names('session'), ...lab.names('session-end')]
const nothing = (): string[] => []

/** What depends on an object of each kind, and who can tell that it is gone. */
const LOSSES: readonly Loss[] = [
  // The store alone cannot tell that a pack or a segment is gone: nothing in the clear speaks of them. What a segment
  // named is found in the packs.
  { kind: 'pack', scrub: nothing, check: (name) => [name], readable: false },
  { kind: 'index', scrub: nothing, check: nothing, readable: true },
  { kind: 'session-keys', scrub: (name) => [name], check: (name) => [name], readable: false },
  { kind: 'session', scrub: nothing, check: nothing, readable: true },
  { kind: 'session-end', scrub: nothing, check: nothing, readable: true },
  {
    kind: 'writer',
    scrub: (name) => [name, ...signedInTheClear],
    check: (name) => [name, ...signedInTheClear],
    readable: false,
  },
  // The second one names the first by its hash; that the last one is missing only its writer can know.
  {
    kind: 'snapshot',
    scrub: (name) => (name === snapshots[0] ? [snapshots[1]!] : []),
    check: (name) => (name === snapshots[0] ? [snapshots[1]!] : []),
    readable: true,
  },
]

for (const { kind, scrub, check: byCheck, readable } of LOSSES) {
  test(`a missing object of the kind ${kind} is told as missing, with what needs it`, async () => {
    for (const name of lab.names(kind)) {
      const store = await lab.storeWith({ [name]: undefined })
      assert.deepEqual(await scrubbed(store), [...scrub(name)].sort(), `scrub without ${name}`)
      const check = await checked(await lab.made.open(store))
      assert.deepEqual(damagedObjects(check), [...byCheck(name)].sort(), `check without ${name}`)
      const own = check.damages.find(({ object }) => object === name)
      if (own !== undefined) assert.ok(['not-found', 'corrupt'].includes(own.code), `${name} is ${own.code}`)
      const repo = await lab.made.open(store)
      assert.equal(check.indexIncomplete, kind === 'index')
      const lost = await lab.readOrNamed(repo, [name], check)
      assert.equal(lost === 0, readable, `${lost} lost without ${name}`)
      await lab.restoreOrNamed(repo, [name])
    }
  })
}

test('without its description a repository is damaged, without a key slot there is none to open', async () => {
  for (const [kind, code] of [
    ['description', 'corrupt'],
    ['key-slot', 'not-found'],
  ] as const) {
    const store = await lab.storeWith({ [lab.names(kind)[0]!]: undefined })
    await assert.rejects(lab.made.open(store), { code })
  }
})

test('an old index segment that comes back is no harm: the packs it names that are gone are told as missing', async () => {
  const made = await SmallRepository.create(SEED)
  const repo = await made.open()
  const before = await readEverything(repo)
  const names = [...(await made.objects()).keys()]
  const old = names.find((name) => kindOf(name) === 'index')!
  const bytes = await made.store.get(old)
  // As a pruner does: another segment says the same and the old one is removed.
  const signer = signingKeyFromSeed(seededBytes(1)(32))
  const certificate = {
    publicKey: signer.publicKey,
    role: repo.bundle.role,
    domainIds: [repo.domain.id],
    name: 'pruner',
  }
  const root = { sealer: repo.indexSealer, signer: signingKeyFromSeed(repo.bundle.rootSeed!) }
  const wid = writerIdOf(signer.publicKey)
  await made.store.put(writerName(wid), [
    encodeWriterCertificate({ ...certificate, created: { sec: 1, nsec: 0 } }, root),
  ])
  const publicKey = await repo.writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, old), 'store', old)
  const keys = { sealer: repo.indexSealer, signer }
  const moved = encodeIndexSegment(decodeIndexSegment(bytes, old, { ...keys, publicKey }), keys)
  await made.store.put(indexName(hash(moved)), [moved])
  await made.store.delete(old)
  assert.deepEqual(await readEverything(await made.open()), before)
  await made.store.put(old, [bytes])
  assert.deepEqual(await readEverything(await made.open()), before)
  assert.deepEqual((await checked(await made.open())).damages, [])
  // What only the old one names has been deleted with it.
  await made.store.delete(indexName(hash(moved)))
  for (const name of names.filter((each) => kindOf(each) === 'pack')) await made.store.delete(name)
  const { damages } = await checked(await made.open())
  const packs = damages.filter(({ object }) => parseObjectName(object)?.kind === 'pack')
  assert.ok(packs.length > 0 && packs.every(({ code }) => code === 'not-found'))
})
