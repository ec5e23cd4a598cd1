// Descriptions and key slots are the way into a repository: one that is cut short stands in the way of nobody as long as
// another one is sound, and where it was the only one that is what is said. HOLDFAST_SIM_SEED makes another repository.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { describeFailure } from '../../src/cli/failure.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { descriptionName } from '../../src/format/names.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { addSlot, removeSlot } from '../../src/repo/keys/keyring.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { FaultyDisk } from '../../src/store/faulty-disk.ts'
import { FaultyStore } from '../../src/store/faulty-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { VirtualTime } from '../sim/virtual-time.ts'
import { rethrowUnlessCrash } from '../sim/world.ts'
import { checked, damagedObjects, readEverything, scrubbed, story } from './observation.ts'
import { Laboratory } from './trial.ts'

const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const lab = await Laboratory.create(SEED)
const [DESCRIPTION, SLOT] = [lab.names('description')[0]!, lab.names('key-slot')[0]!]
/** Lengths at which a write may have ended. */
const cutsOf = (bytes: Uint8Array): number[] => [0, 1, 7, 8, 9, bytes.length >> 1, bytes.length - 64, bytes.length - 1]

test('by a description that is newer and cut short nothing is written, and by the one before everything is read', async () => {
  const newest = await newerDescription()
  for (const length of cutsOf(newest)) {
    const store = await lab.storeWith({ [descriptionName(10)]: newest.slice(0, length) })
    await assertReadable(store, descriptionName(10))
    await assertNotWritable(store, descriptionName(10))
    // Neither copying it back nor, where it is somebody else's, removing it takes more.
    const copied = await lab.storeWith({ [descriptionName(10)]: newest })
    await assertWritable(copied)
    await store.delete(descriptionName(10))
    await assertWritable(store)
  }
})

test('one that is sound and of another repository is no reason not to write', async () => {
  const signer = signingKeyFromSeed(lab.made.random(32))
  const { description } = await lab.made.open()
  const foreign = encodeRepoDescription({ ...description, repoId: lab.made.random(16), roCompat: 1 }, signer)
  const store = await lab.storeWith({ [descriptionName(10)]: foreign })
  await assertReadable(store, descriptionName(10))
  await assertWritable(store)
  store.damage(descriptionName(10), foreign.slice(0, -1))
  await assertNotWritable(store, descriptionName(10))
})

test('also when two are cut short; an old one is no matter; numbers decide, not the order of names', async () => {
  const newest = await newerDescription()
  const cut = newest.slice(0, 50)
  const both = await lab.storeWith({ [descriptionName(9)]: cut, [descriptionName(10)]: cut })
  await assertReadable(both, descriptionName(10), descriptionName(9))
  await assertNotWritable(both, descriptionName(10))
  for (const broken of [DESCRIPTION, descriptionName(9)]) {
    const store = await lab.storeWith({ [descriptionName(10)]: newest, [broken]: cut })
    assert.equal((await lab.made.open(store)).description.packSize, NEWER_PACK_SIZE)
    await assertReadable(store, broken)
    await assertWritable(store)
  }
})

test('a key slot that is cut short is passed over and named, and the other one opens', async () => {
  const bytes = lab.objects.get(SLOT)!
  for (const length of cutsOf(bytes)) {
    const { store, credential, other } = await withSecondSlot()
    store.damage(SLOT, bytes.slice(0, length))
    const repo = await openRepository(store, credential)
    assert.deepEqual(
      repo.problems.map(({ code, subject }) => [code, subject]),
      [['corrupt', SLOT]],
    )
    assert.deepEqual(await readEverything(repo), lab.whole)
    assert.deepEqual(damagedObjects(await checked(repo)), [SLOT])
    assert.deepEqual(await scrubbed(store), [SLOT])
    // The owner of the slot that is lost is told what is wrong, rather than to try another credential alone.
    await assert.rejects(lab.made.open(store), (error) => story(error).includes(SLOT))
    // The one that is left is not to be removed, the damaged one may be.
    await assert.rejects(removeSlot(store, other), { code: 'refused' })
    await removeSlot(store, SLOT)
    assert.deepEqual((await openRepository(store, credential)).problems, [])
  }
})

for (const [what, name] of [
  ['description', DESCRIPTION],
  ['key slot', SLOT],
] as const) {
  test(`the only ${what}, cut short, is an error that names it and a damage, and nothing is written`, async () => {
    const bytes = lab.objects.get(name)!
    for (const length of cutsOf(bytes)) {
      const store = await lab.storeWith({ [name]: bytes.slice(0, length) })
      for (const attempt of [lab.made.open(store), lab.made.backup({ a: new Uint8Array(3) }, store)]) {
        await assert.rejects(attempt, (error) => {
          const { code, exitCode, links } = describeFailure(error)
          return code === 'corrupt' && exitCode === EXIT.damage && links.some((link) => link.includes(name))
        })
      }
      assert.deepEqual(await scrubbed(store), [name])
      const listed = await store.list('')
      assert.equal(listed.objects.length, lab.objects.size)
      // A copy of the one object is all that is needed.
      store.damage(name, bytes)
      assert.deepEqual(await readEverything(await lab.made.open(store)), lab.whole)
    }
  })
}

test('making a repository that was cut off anywhere is begun again with the same key file', async () => {
  for (let step = 0, made = false; !made; step++) {
    const { clock, random, credential } = lab.made
    const opts = { clock, random, credential, chunker: { min: 1024, average: 2048, max: 8192 } }
    const store = new MemoryStore()
    const time = new VirtualTime()
    const dying = new FaultyStore(new FaultyDisk(store, seededRng(SEED + step), time), {
      rng: seededRng(SEED + step),
      sleep: (ms) => time.sleep(ms),
    })
    dying.crashAfter(step)
    made = await createRepository(dying, opts).then(() => true, rethrowUnlessCrash)
    await dying.settle()
    // What was under way may have come to its end.
    await createRepository(store, opts).catch((error: unknown) => assert.match(story(error), /^exists .* already/))
    const repo = await openRepository(store, credential)
    assert.deepEqual([repo.problems, (await checked(repo)).damages], [[], []])
  }
})

/** Opens, is read as it was, and all of `broken` are named, as often as anybody looks. */
async function assertReadable(store: MemoryStore, ...broken: readonly string[]): Promise<void> {
  const repo = await lab.made.open(store)
  const told = repo.problems.map(({ code, subject }) => `${code} ${subject}`)
  assert.deepEqual(
    told,
    broken.map((name) => `corrupt ${name}`),
  )
  assert.deepEqual(await readEverything(repo), lab.whole)
  assert.deepEqual(damagedObjects(await checked(repo)), [...broken].sort())
  assert.deepEqual(await scrubbed(store), [...broken].sort())
}

async function assertNotWritable(store: MemoryStore, broken: string): Promise<void> {
  const before = await store.list('')
  await assert.rejects(lab.made.backup({ a: new Uint8Array(3) }, store, lab.made.copyOfState()), (error) => {
    return story(error).startsWith('corrupt') && story(error).includes(broken)
  })
  assert.deepEqual(await store.list(''), before)
}

async function assertWritable(store: MemoryStore): Promise<void> {
  await lab.made.backup({ a: new Uint8Array(2000).fill(3) }, store, lab.made.copyOfState())
  assert.equal((await (await lab.made.open(store)).snapshots()).length, 3)
}

const NEWER_PACK_SIZE = 128 * 1024

/** As a later version writes that describes the repository anew. */
async function newerDescription(): Promise<Uint8Array> {
  const { description, bundle } = await lab.made.open()
  return encodeRepoDescription({ ...description, packSize: NEWER_PACK_SIZE }, signingKeyFromSeed(bundle.rootSeed!))
}

async function withSecondSlot() {
  const store = await lab.storeWith({})
  const { bundle } = await lab.made.open(store)
  const credential = { kind: 'key-file' as const, secret: lab.made.random(32) }
  const details = { created: timespecFromMs(lab.made.clock.now()), random: lab.made.random, suite: 1 as const }
  const other = await addSlot(store, bundle, credential, details)
  return { store, credential, other }
}
