// Somebody who has obtained a credential with the role read, maintain or report, and makes what he can of it by hand. What
// each role may read is in test/ops/roles.test.ts; records of maintenance that a role does not permit are in
// test/history/log.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, fromHex, toHex } from '../../src/base/bytes.ts'
import { hash } from '../../src/crypto/hash.ts'
import { signingKeyFromSeed, type SigningKey } from '../../src/crypto/signing.ts'
import type { Bundle } from '../../src/format/bundle.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { descriptionName, planName, writerName } from '../../src/format/names.ts'
import { encodeSnapshotBody } from '../../src/format/snapshot.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { contentOf } from '../../src/ops/cat.ts'
import { simState } from '../sim/local-state.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import { encodeWriterCertificate } from '../../src/format/writer-cert.ts'
import { addSlot, openWithCredential } from '../../src/repo/keys/keyring.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { HostileWriter } from '../damage/hostile-writer.ts'
import { checked, damagedObjects, readEverything, story } from '../damage/observation.ts'
import { SmallRepository } from '../damage/small-repository.ts'
import { letIn } from './insiders.ts'

const NOW = { sec: 1_700_000_000, nsec: 0 }

/** Every key for signatures that can be made of what is in a bundle: any 32 bytes are the seed of one. */
function signersOf(bundle: Bundle): SigningKey[] {
  const { writer, localKey, domains, reports = [] } = bundle
  const secrets = domains.flatMap((domain) => [domain.keyId, domain.keyLoc, domain.keyCdc, domain.keyIdx])
  const seeds = [writer?.seed, localKey, ...secrets, ...reports.map(({ keyReport }) => keyReport)]
  return seeds.filter((seed) => seed !== undefined).map(signingKeyFromSeed)
}

for (const role of ['read', 'maintain', 'report'] as const) {
  test(`with the role ${role} nobody is let in, and no description is changed`, async () => {
    const made = await SmallRepository.create()
    const { bundle } = await letIn(made, role)
    const { bundle: admin, description } = await made.open()
    assert.equal(bundle.rootSeed, undefined)
    const evil = signingKeyFromSeed(made.random(32))
    const [{ id }] = admin.domains as [Bundle['domains'][0]]
    const wid = hash(evil.publicKey).slice(0, 16)
    const sealer = (await made.open()).indexSealer // more than this role may have
    const certificate = { publicKey: evil.publicKey, role: 'admin' as const, domainIds: [id], created: NOW, name: 'e' }
    for (const signer of signersOf(bundle)) {
      await made.store.put(writerName(wid), [encodeWriterCertificate(certificate, { sealer, signer })])
      const repo = await made.open()
      await assert.rejects(repo.writers.certificate(wid), (error) => story(error).includes(writerName(wid)))
      assert.deepEqual(damagedObjects(await checked(repo)), [writerName(wid)])
      await made.store.delete(writerName(wid))
      // Signed by another key than the root key it is that of another repository, or damaged.
      const said = encodeRepoDescription({ ...description, packSize: 128 * 1024 }, signer)
      await made.store.put(descriptionName(2), [said])
      const opened = await made.open()
      assert.deepEqual([opened.descriptionNumber, opened.description.packSize], [1, description.packSize])
      assert.ok(opened.problems.some(({ subject }) => subject === descriptionName(2)))
      await made.store.delete(descriptionName(2))
    }
  })

  test(`with the role ${role} nobody gives himself another one`, async () => {
    const made = await SmallRepository.create(2)
    const { bundle } = await letIn(made, role)
    for (const wanted of ['admin', 'read', 'maintain', 'write', 'report'] as const) {
      const given = () => restrictBundle(bundle, { role: wanted, random: made.random })
      const may = role === 'read' || (role === 'maintain' && ['maintain', 'write', 'report'].includes(wanted))
      if (may && wanted !== 'admin') assert.equal(given().role, wanted)
      else assert.throws(given, { code: 'wrong-key' })
    }
    // A bundle in which he has written it by hand opens for him, with the keys that he had.
    const credential = { kind: 'key-file' as const, secret: made.random(32) }
    const liar = role === 'report' ? bundle : { ...bundle, role: 'admin' as const, rootSeed: made.random(32) }
    const details = { created: NOW, random: made.random, suite: 1 as const }
    await addSlot(made.store, liar, credential, { ...details, maker: (await made.open()).bundle })
    const { bundle: opened } = await openWithCredential({ store: made.store, repoIds: [bundle.repoId] }, credential)
    const privates = opened.domains.flatMap(({ dataPrivate, metaPrivate }) => [dataPrivate, metaPrivate])
    assert.equal(privates.filter((key) => key !== undefined).length, { read: 2, maintain: 1, report: 0 }[role])
    if (role === 'report') return
    const repo = await openRepository(made.store, credential)
    const { publicKey } = signingKeyFromSeed(bundle.writer!.seed)
    // What it signs, it signs as the writer that its certificate names.
    assert.equal((await repo.writers.certificate(hash(publicKey).slice(0, 16))).role, role)
  })
}

test('with the role read no backup of others is forged and no pack condemned', async () => {
  const made = await SmallRepository.create(3)
  const reader = await (await letIn(made, 'read')).open()
  const hostile = await HostileWriter.in(made, reader)
  const [, victim] = await reader.snapshots()
  const claims = { wid: fromHex(victim!.wid)!, seq: 3, previous: fromHex(victim!.id)! }
  // It can read the tree that it refers to, and make one; not the signature.
  const forged = await hostile.snapshot(victim!.body.root, undefined, claims)
  const hashes = reader.index.packs
    .filter(({ kind }) => kind === 'data')
    .map(({ objectName }) => fromHex(objectName.slice(-64))!)
  const plan = { pid: made.random(16), dataPacks: hashes.toSorted(compareBytes), metaPacks: [], created: NOW }
  const keys = { sealer: reader.indexSealer, signer: hostile.signer }
  await made.store.put(planName(plan.pid), [encodeDeletionPlan(plan, keys)])
  const repo = await made.open()
  assert.equal((await repo.condemned()).size, 0)
  const { snapshots, problems } = await repo.catalog.readable()
  assert.equal(snapshots.length, 2)
  assert.match(story(problems[0]), /signature is not that of its writer/)
  const { damages } = await checked(repo)
  assert.deepEqual(damages.map(({ object }) => object).sort(), [forged, planName(plan.pid)].sort())
  const said = damages.flatMap(({ messages }) => messages).join()
  assert.match(said, /role read, who may not/)
  await made.backup({ a: Buffer.from('few') })
})

test('what he says of the files of another machine is never taken for what they have', async () => {
  const made = await SmallRepository.create(5)
  const file = Buffer.from('what the file has '.repeat(300))
  const tree = { file, other: Buffer.alloc(900, 'o') }
  await made.backup(tree)
  const reader = await (await letIn(made, 'read')).open()
  const victim = (await reader.snapshots()).at(-1)!
  // The same host, the same sources, every attribute as it is; only the content of one file is his.
  const hostile = await HostileWriter.in(made, reader)
  const source = await soleEntry(reader, victim.body.root, true)
  const entries: Entry[] = []
  for await (const entry of reader.directoryEntries(source.subtree!.ref)) entries.push(structuredClone(entry))
  const evil = Buffer.from('what he wants it to '.repeat(270))
  const at = entries.findIndex(({ name }) => Buffer.from(name).toString() === 'file')
  const extents = [{ length: file.length, ref: hostile.blob('data', evil.subarray(0, file.length)) }]
  entries[at] = { ...entries[at]!, content: { kind: 'extents', extents } }
  const node = hostile.node({ level: 0, entries })
  const subtree = { ...source.subtree!, ref: node }
  const root = hostile.node({ level: 0, entries: [{ ...source, subtree }] }, true)
  await hostile.flush()
  await hostile.index()
  const planted = await hostile.snapshot(root, () => encodeSnapshotBody({ ...victim.body, root }))
  assert.ok((await readEverything(await made.open())).get(planted) instanceof Map)
  // A machine that has lost its state, and with it the proof of which snapshots are its own.
  await made.backup(tree, made.store, simState())
  const newest = (await (await made.open()).snapshots()).find(
    ({ seq, wid }) => seq === 1 && wid !== toHex(hostile.wid) && wid !== victim.wid,
  )!
  assert.notEqual(toHex(newest.body.parent ?? new Uint8Array()), planted.slice(-64))
  const repo = await made.open()
  await repo.loadIndex()
  const top = await soleEntry(repo, newest.body.root, true)
  for await (const entry of repo.directoryEntries(top.subtree!.ref)) {
    if (Buffer.from(entry.name).toString() !== 'file') continue
    const parts: Uint8Array[] = []
    for await (const part of contentOf(repo, entry, 'file')) parts.push(part.slice())
    assert.equal(Buffer.concat(parts).toString(), file.toString())
  }
})

async function soleEntry(repo: Repository, ref: Uint8Array, root: boolean): Promise<Entry> {
  for await (const entry of repo.directoryEntries(ref, root)) return structuredClone(entry)
  throw new Error('nothing is in the folder')
}

test('a snapshot of his own with the tree of another writer is one of his own, and says so', async () => {
  const made = await SmallRepository.create(4)
  const reader = await (await letIn(made, 'read')).open()
  const hostile = await HostileWriter.in(made, reader)
  const [, victim] = await reader.snapshots()
  const name = await hostile.snapshot(victim!.body.root)
  const snapshots = await (await made.open()).snapshots()
  const own = snapshots.find(({ objectName }) => objectName === name)!
  assert.equal(own.wid, toHex(hostile.wid))
  assert.notEqual(own.wid, victim!.wid)
  assert.ok((await readEverything(await made.open())).get(name) instanceof Map)
})
