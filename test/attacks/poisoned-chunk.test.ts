// Somebody who controls a machine that may only make backups stores something else under the locator of a chunk that another
// machine is going to have. That machine finds it stored already; what it gets back is an error. With `own+attested` it relies
// on nobody's packs but its own, and on those that somebody has read whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { packName } from '../../src/format/names.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { tablesDigest } from '../../src/format/tables-digest.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { simState } from '../sim/local-state.ts'
import { HostileWriter } from '../damage/hostile-writer.ts'
import { readEverything, restoreAll, story } from '../damage/observation.ts'
import { SmallRepository } from '../damage/small-repository.ts'
import { administrator, attestAll, letIn, revoke } from './insiders.ts'

/** One chunk, and not inline. */
const KNOWN = Buffer.alloc(900, 'what everybody has')
const OTHERS = Buffer.alloc(800, 'stored by another machine before')

/** A repository in which the attacker has stored something else in the place of KNOWN, and an honest machine OTHERS. */
async function scene() {
  const made = await SmallRepository.empty()
  await made.backup({ others: OTHERS })
  const hostile = await HostileWriter.in(made, await (await letIn(made, 'write')).open())
  hostile.block('data', Buffer.alloc(900, 'poison'), hostile.ref('data', KNOWN))
  await hostile.flush()
  await hostile.index()
  return { made, hostile, victim: simState() }
}

/** What a restore of the newest snapshot gives for a path. */
async function restored(made: SmallRepository, path: string): Promise<string> {
  const repo = await made.open()
  const { objectName } = await repo.findSnapshot('latest')
  const found = (await readEverything(repo)).get(objectName)
  assert.ok(found instanceof Map, story(found))
  const [whole, what] = [...found].find(([each]) => each.endsWith(path))!
  // Restores read with threads and plans of their own.
  const { body } = await repo.findSnapshot('latest')
  const { files } = await restoreAll(repo, body.root, [whole])
  assert.equal(files.get(whole)!.trouble === undefined, typeof what === 'string', files.get(whole)!.trouble)
  return typeof what === 'string' ? 'whole' : story(what)
}

test('a poisoned chunk enters a default backup, and a restore names it', async () => {
  const { made, victim } = await scene()
  const { body } = await made.backup({ known: KNOWN, others: OTHERS }, made.store, victim)
  assert.equal(body.partial, false)
  assert.match(await restored(made, '/known'), /^corrupt /)
  assert.equal(await restored(made, '/others'), 'whole')
})

test('it does not enter a backup that relies on its own packs and attested ones', async () => {
  const { made, victim } = await scene()
  const tree = { known: KNOWN, others: OTHERS }
  const first = await made.backup(tree, made.store, victim, 'own+attested')
  assert.equal(await restored(made, '/known'), 'whole')
  assert.equal(await restored(made, '/others'), 'whole')
  assert.ok(first.packsPassedOver >= 3, 'those of the attacker and of the other machine')
  // What it has stored itself it does not store again, read or not.
  for (const parent of [tree, { ...tree, more: Buffer.alloc(700, 'x') }]) {
    const again = await made.backup(parent, made.store, victim, 'own+attested')
    assert.equal(again.body.stats.unchangedFiles >= 2, true)
    assert.ok(again.body.stats.newBlobs <= 3, `${again.body.stats.newBlobs}`)
  }
})

test('what its last snapshot took from others is stored again once it relies on them no more', async () => {
  const { made, victim } = await scene()
  const tree = { known: KNOWN, others: OTHERS }
  await made.backup(tree, made.store, victim)
  assert.match(await restored(made, '/known'), /^corrupt /)
  const { body } = await made.backup(tree, made.store, victim, 'own+attested')
  assert.ok(body.stats.newBlobs >= 2, 'both are read and stored')
  assert.equal(await restored(made, '/known'), 'whole')
})

test('attested packs of others are relied on, and a poisoned one is not attested', async () => {
  const { made, hostile, victim } = await scene()
  const attested = await attestAll(made)
  const packs = (await made.open()).readIndex(new Set()).then((index) => index.packs.length)
  assert.equal(attested, (await packs) - 1)
  const known = await (await made.open()).trust.attested()
  assert.ok(!known.has(packName('data', hostile.packs[0]!.hash)))
  const { body, packsPassedOver } = await made.backup({ others: OTHERS }, made.store, victim, 'own+attested')
  assert.deepEqual([body.stats.newBlobs, packsPassedOver], [0, 1], 'the very same tree is there')
  await made.backup({ known: KNOWN, others: OTHERS }, made.store, victim, 'own+attested')
  assert.equal(await restored(made, '/known'), 'whole')
})

test('who says something else of an attested pack than is attested is not believed', async () => {
  const { made, hostile, victim } = await scene()
  await attestAll(made)
  const repo = await made.open()
  await repo.loadIndex()
  // Where OTHERS lies in the attested pack, says the attacker, is KNOWN.
  const { objectName } = repo.locate('data', repo.blobKeys.refOf('data', OTHERS))!.block.pack
  const names = (await made.store.list('index/')).objects.map(({ name }) => name)
  for (const segment of await Promise.all(names.map((name) => repo.readSegment(name)))) {
    const pack = segment.packs.find(({ kind, hash }) => packName(kind, hash) === objectName)
    if (pack === undefined) continue
    const locs = repo.blobKeys.locOf(repo.blobKeys.refOf('data', KNOWN)).slice(0, LOCATOR_SIZE)
    const lie = { ...pack, blocks: [{ ...pack.blocks[0]!, locs }] }
    await hostile.index(undefined, [lie], [], segment.sessions)
  }
  const { body } = await made.backup({ known: KNOWN, others: OTHERS }, made.store, victim, 'own+attested')
  assert.equal(await restored(made, '/known'), 'whole')
  assert.ok(body.stats.newBlobs > 0)
})

for (const role of ['maintain', 'read'] as const) {
  test(`attestations count only of those who can read what they attest: ${role}`, async () => {
    const { made, hostile, victim } = await scene()
    const [{ hash, blocks }] = hostile.packs as [(typeof hostile.packs)[0]]
    const tables = tablesDigest(blocks, hostile.sessions)
    const { open, bundle } = await letIn(made, role)
    const { wid, seed } = bundle.writer!
    const admin = await administrator(made)
    const writer = { ...admin.writer, wid, signer: signingKeyFromSeed(seed) }
    const action = { kind: 'attest', dataPacks: [{ hash, tables }], metaPacks: [] } as const
    await appendRecord(await open(), action, { ...admin, writer })
    await made.backup({ known: KNOWN }, made.store, victim, 'own+attested')
    // Who can read it and lies is believed: attestations are as good as those who make them.
    assert.match(await restored(made, '/known'), role === 'read' ? /^corrupt / : /^whole$/)
  })
}

test('what a revoked machine has stored is relied on again once it is attested', async () => {
  const made = await SmallRepository.empty()
  const laptop = simState()
  const { snapshot } = await made.backup({ others: OTHERS }, made.store, laptop)
  await revoke(made, Buffer.from(snapshot.wid, 'hex'))
  await attestAll(made)
  const { body } = await made.backup({ others: OTHERS })
  assert.equal(body.stats.newBlobs, 0)
})

test('own packs stay its own when a pruner names them in segments of its own', async () => {
  const { made, victim } = await scene()
  const tree = { known: KNOWN, others: OTHERS }
  await made.backup(tree, made.store, victim, 'own+attested')
  const pruner = await HostileWriter.in(made, await made.open())
  const names = (await made.store.list('index/')).objects.map(({ name }) => name)
  for (const name of names) {
    const segment = await pruner.repo.readSegment(name)
    await pruner.index(undefined, segment.packs, [], segment.sessions)
    await made.store.delete(name)
  }
  const { body, packsPassedOver } = await made.backup(tree, made.store, victim, 'own+attested')
  assert.deepEqual([body.stats.newBlobs, body.stats.unchangedFiles], [0, 2])
  assert.ok(packsPassedOver >= 3)
  // Without what the machine remembers of its packs they are those of anybody.
  const { body: forgetful } = await made.backup(tree, made.store, simState(), 'own+attested')
  assert.ok(forgetful.stats.newBlobs > 0)
})
