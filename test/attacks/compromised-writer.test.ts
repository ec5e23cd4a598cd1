// Somebody who controls a machine that may only make backups: with its credential, its key for signatures and the right to
// put objects. What such a machine can put into packs and trees is in test/damage/hostile.test.ts, what it can put under
// the ref of a chunk in test/ops/compare-stored.test.ts, forks and wrong times in test/history/audit-writers.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { hash } from '../../src/crypto/hash.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { OBJECT_TYPES } from '../../src/format/object-header.ts'
import { decodeIndexSegment } from '../../src/format/index-segment.ts'
import { planName, PREFIXES, sessionKeysName, sessionName, snapshotName, writerName } from '../../src/format/names.ts'
import { encodeSessionIntent } from '../../src/format/session.ts'
import { encodeSnapshotBody, readSnapshotHead } from '../../src/format/snapshot.ts'
import { readSignerId, sealSignedPart } from '../../src/format/signed-object.ts'
import { encodeWriterCertificate } from '../../src/format/writer-cert.ts'
import type { SnapshotInfo } from '../../src/repo/history/snapshot-catalog.ts'
import { listAll } from '../../src/store/store.ts'
import type { PutResult } from '../../src/store/store.ts'
import { ENTRY, HostileWriter } from '../damage/hostile-writer.ts'
import { checked, damagedObjects, readEverything, story } from '../damage/observation.ts'
import { SmallRepository } from '../damage/small-repository.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { letIn, revoke } from './insiders.ts'

interface Scene {
  readonly made: SmallRepository
  readonly hostile: HostileWriter
  /** Of the machine that is attacked, oldest first. */
  readonly snapshots: readonly SnapshotInfo[]
}

async function scene(): Promise<Scene> {
  const made = await SmallRepository.create()
  const hostile = await HostileWriter.in(made, await (await letIn(made, 'write')).open())
  return { made, hostile, snapshots: await (await made.open()).snapshots() }
}

/** A tree of the attacker's own, stored as it should be. */
async function ownTree(hostile: HostileWriter): Promise<Uint8Array> {
  const content = { kind: 'inline', bytes: Buffer.from('evil') } as const
  const root = hostile.root(
    hostile.node({ level: 0, entries: [{ ...ENTRY, name: Buffer.from('evil'), kind: 'file', size: 4, content }] }),
  )
  await hostile.flush()
  await hostile.index()
  return root
}

/** Everything of the attacked machine is as it was, and nothing but what is named is said to be damaged. */
async function assertUnharmed({ made, snapshots }: Scene, named: readonly string[]): Promise<void> {
  const repo = await made.open()
  const reading = await readEverything(repo)
  for (const { objectName } of snapshots) {
    const found = reading.get(objectName)
    assert.ok(found instanceof Map && [...found.values()].every((each) => typeof each === 'string'), objectName)
  }
  assert.deepEqual(damagedObjects(await checked(repo)), [...named].sort())
}

test('a snapshot in the name of another machine is refused by its signature, and is not in that machine’s way', async () => {
  const attack = await scene()
  const { made, hostile, snapshots } = attack
  const victim = snapshots.at(-1)!
  const claims = { wid: fromHex(victim.wid)!, seq: 3, previous: fromHex(victim.id)! }
  const forged = await hostile.snapshot(await ownTree(hostile), undefined, claims)
  const { snapshots: seen, problems } = await (await made.open()).catalog.readable()
  assert.deepEqual(
    seen.map(({ id }) => id),
    snapshots.map(({ id }) => id),
  )
  assert.equal(problems.length, 1)
  assert.match(story(problems[0]), new RegExp(`${forged}.*signature is not that of its writer`, 's'))
  await assertUnharmed(attack, [forged])
  await made.backup({ after: Buffer.from('the attack') })
  const later = await (await made.open()).catalog.readable()
  assert.equal(later.snapshots.length, 3)
})

test('a certificate that the machine has made for itself counts for nothing', async () => {
  const attack = await scene()
  const { made, hostile } = attack
  const other = signingKeyFromSeed(made.random(32))
  for (const role of ['admin', 'write'] as const) {
    const cert = { publicKey: other.publicKey, role, domainIds: [hostile.repo.domain.id] }
    const bytes = encodeWriterCertificate(
      { ...cert, created: { sec: 1, nsec: 0 }, name: 'evil' },
      { sealer: hostile.repo.indexSealer, signer: hostile.signer },
    )
    const name = writerName(hash(other.publicKey).slice(0, 16))
    await hostile.repo.store.put(name, [bytes])
    await assertUnharmed(attack, [name])
    const certificate = (await made.open()).writers.certificate(hash(other.publicKey).slice(0, 16))
    await assert.rejects(certificate, (error) => story(error).includes(name) && /signature/.test(story(error)))
    await made.store.delete(name)
  }
})

test('what it has never held it cannot have referenced: locators are no references', async () => {
  const { made, hostile } = await scene()
  const locators = await locatorsOf(hostile)
  assert.ok(locators.length > 20)
  const files = locators.map((loc, i) => {
    const ref = new Uint8Array(32)
    ref.set(loc)
    const content = { kind: 'extents' as const, extents: [{ length: 10, ref }] }
    return { ...ENTRY, name: Buffer.from(`stolen ${1000 + i}`), kind: 'file' as const, size: 10, content }
  })
  const root = hostile.root(hostile.node({ level: 0, entries: files }))
  await hostile.flush()
  await hostile.index()
  const name = await hostile.snapshot(root)
  const found = (await readEverything(await made.open())).get(name)
  assert.ok(found instanceof Map)
  const texts = [...found].filter(([path]) => path !== '/source').map(([, what]) => story(what))
  assert.equal(texts.length, files.length)
  for (const text of texts) assert.match(text, /^corrupt .*in no pack/)
})

/** Every locator that the index shows to who has the keys of the domain. */
async function locatorsOf({ repo }: HostileWriter): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.index)) {
    const bytes = await repo.store.get(name)
    const publicKey = await repo.writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, name), 'store', name)
    const { packs } = decodeIndexSegment(bytes, name, { sealer: repo.indexSealer, publicKey })
    for (const { locs } of packs.flatMap(({ blocks }) => blocks)) {
      for (let at = 0; at < locs.length; at += LOCATOR_SIZE) found.push(locs.slice(at, at + LOCATOR_SIZE))
    }
  }
  return found
}

test('a session whose name is seen in the store is not given keys by somebody else', async () => {
  const { made, hostile } = await scene()
  const { repo } = hostile
  let planted: string | undefined
  /** As soon as an intent shows, the attacker is the first with the keys. */
  class Racing extends Passing {
    override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
      const keys = /^sess\/([0-9a-f]{32})$/.exec(name)?.[1]
      if (keys !== undefined) {
        planted = sessionKeysName(keys)
        const own = await made.store.list('skeys/')
        await super.put(planted, [await made.store.get(own.objects[0]!.name)])
      }
      return super.put(name, parts)
    }
  }
  await assert.rejects(made.backup({ a: Buffer.alloc(3000, 1) }, new Racing(repo.store)), (error) => {
    assert.match(story(error), /^refused .*somebody has put another object in the place of this one/s)
    assert.ok(story(error).includes(planted!))
    return true
  })
  await made.backup({ a: Buffer.alloc(3000, 1) })
})

test('a put that is repeated, because its answer was lost, is not taken for an attack', async () => {
  const { made } = await scene()
  class Twice extends Passing {
    override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
      await super.put(name, parts)
      return super.put(name, parts)
    }
  }
  await made.backup({ a: Buffer.alloc(3000, 1) }, new Twice(made.store))
})

test('packs that it calls distrusted are read all the same, and nothing of them is stored again', async () => {
  const attack = await scene()
  const { made, hostile } = attack
  const packs = hostile.repo.index.packs.filter(({ kind }) => kind === 'data')
  const hashes = packs.map(({ objectName }) => fromHex(objectName.slice(-64))!)
  await ownTree(hostile)
  await hostile.index(undefined, hostile.packs, hashes.sort(Buffer.compare))
  const repo = await made.open()
  await repo.loadIndex()
  assert.ok(packs.every(({ objectName }) => repo.index.distrusted.has(objectName)))
  await assertUnharmed(attack, [])
  const before = (await made.objects()).size
  await made.backup({ a: Buffer.from('few') })
  const after = [...(await made.objects()).keys()]
  for (const { objectName } of packs) assert.ok(after.includes(objectName))
  assert.ok(after.length - before < 10)
})

test('a plan that nobody can read stops backups with its name, rather than being passed over', async () => {
  const { made, hostile } = await scene()
  const pid = made.random(16)
  await hostile.repo.store.put(planName(pid), [Buffer.from('junk')])
  await assert.rejects(made.backup({ a: Buffer.from('few') }), (error) => story(error).includes(planName(pid)))
  await made.store.delete(planName(pid))
  await made.backup({ a: Buffer.from('few') })
})

/** Of each kind; what one machine makes in months. */
const FLOOD = 300
/** Far more than it takes; far less than a flood that costs in proportion to its square. */
const FLOOD_MS = 30_000
const FLOOD_MIB = 200

test('a flood of sessions, segments and snapshots costs others a bounded time and memory, and no backup', async (t) => {
  const attack = await scene()
  const { made, hostile, snapshots } = attack
  const { repo, signer } = hostile
  const keys = { sealer: repo.indexSealer, signer }
  const root = await ownTree(hostile)
  const flood = new Set<string>()
  const put = async (name: string, bytes: Uint8Array) => {
    flood.add(name)
    await repo.store.put(name, [bytes])
  }
  for (let i = 0; i < FLOOD; i++) {
    const sid = made.random(16)
    const intent = { sid, started: { sec: 1, nsec: 0 }, host: 'evil', toolVersion: 'evil' }
    await put(sessionName(sid), encodeSessionIntent(intent, keys))
    await put(sessionKeysName(sid), made.random(200))
    // Segments that are signed and empty of sense, and such as name packs that are not there.
    const junk = sealSignedPart(OBJECT_TYPES.indexSegment, made.random(100), keys)
    await put(`index/${toHex(hash(junk))}`, junk)
    await hostile.index(undefined, [{ ...hostile.packs[0]!, hash: made.random(32) }])
    await put(snapshotName(toHex(hostile.wid), 1000 + i, hash(sid)), sid)
    await put(`log/${toHex(hostile.wid)}/${String(i + 1).padStart(10, '0')}-${toHex(hash(sid))}`, sid)
  }
  for (let i = 0; i < FLOOD / 10; i++) await hostile.snapshot(root)
  const [memory, began] = [process.memoryUsage().rss, performance.now()]
  await made.backup({ in: Buffer.alloc(5000, 7) })
  const reader = await made.open()
  await reader.loadIndex()
  const { snapshots: seen } = await reader.catalog.readable()
  assert.equal(seen.filter(({ wid }) => wid === snapshots[0]!.wid).length, 3)
  const ms = performance.now() - began
  const mib = (process.memoryUsage().rss - memory) / 2 ** 20
  t.diagnostic(`${flood.size} objects: ${ms.toFixed(0)} ms, ${mib.toFixed(0)} MiB`)
  assert.ok(ms < FLOOD_MS && mib < FLOOD_MIB, `${ms} ms, ${mib} MiB`)
  const reading = await readEverything(reader)
  for (const { objectName } of snapshots) assert.ok(reading.get(objectName) instanceof Map)
})

test('with all that lies in the credential it opens no content, not even its own of yesterday', async () => {
  const { made } = await scene()
  const machine = await letIn(made, 'write')
  const { bundle } = await machine.open()
  const known = JSON.stringify([bundle], (_, value) => (value instanceof Uint8Array ? toHex(value) : value))
  const admin = (await made.open()).bundle
  const [domain] = admin.domains
  for (const hidden of [admin.rootSeed!, domain!.dataPrivate!, domain!.metaPrivate!, admin.localKey]) {
    assert.ok(!known.includes(toHex(hidden)))
  }
  assert.ok(known.includes(toHex(domain!.keyIdx)), 'what it has would be found this way')
  await (await HostileWriter.in(made, await machine.open())).snapshot(new Uint8Array(32))
  const repo = await machine.open()
  const snapshots = await repo.catalog.list()
  assert.equal(snapshots.length, 3)
  for (const { objectName } of snapshots) {
    const { sid } = readSnapshotHead(await repo.store.get(objectName), objectName, repo.id)
    for (const purpose of ['data', 'meta'] as const) {
      await assert.rejects(repo.sessionKeys.secret(sid, purpose), { code: 'wrong-key', message: /may not read/ })
    }
  }
})

test('a snapshot that is dated ahead is the latest one to everybody, under the name of who signed it', async () => {
  const { made, hostile, snapshots } = await scene()
  const [own] = snapshots
  const ahead = { sec: 4_000_000_000, nsec: 0 }
  const root = await ownTree(hostile)
  const body = { ...own!.body, root, started: ahead, ended: ahead }
  await hostile.snapshot(root, () => encodeSnapshotBody(body))
  const latest = await (await made.open()).findSnapshot('latest')
  assert.equal(latest.wid, toHex(hostile.wid))
  // By its id each one is had as ever; `audit` names the one whose time cannot be.
  const newest = snapshots.at(-1)!
  assert.equal((await (await made.open()).findSnapshot(newest.id)).wid, newest.wid)
})

test('once it is revoked its snapshots of tomorrow are nobody’s latest, and what it says of others’ packs hides nothing', async () => {
  const { made, hostile, snapshots } = await scene()
  const before = await readEverything(await made.open())
  const root = await ownTree(hostile)
  await revoke(made, hostile.wid)
  // Segments that say of every pack that there is something else in it, and that each is bad; some come first in order.
  const packs = hostile.repo.index.packs.filter(({ kind }) => kind === 'data')
  const lies = packs.map(({ objectName, kind, size }) => {
    return { hash: fromHex(objectName.slice(-64))!, kind, size, blocks: hostile.packs[0]!.blocks }
  })
  const hashes = lies.map((each) => each.hash).sort(Buffer.compare)
  for (let i = 0; i < 8; i++) await hostile.index(undefined, lies.slice(0, i + 1), hashes.slice(0, i + 1))
  await hostile.snapshot(root)
  const repo = await made.open()
  await repo.loadIndex()
  assert.equal(repo.index.distrusted.size, 0)
  assert.equal((await repo.findSnapshot('latest')).id, snapshots.at(-1)!.id)
  const after = await readEverything(repo)
  for (const [name, found] of before) assert.deepEqual(after.get(name), found)
  const result = await checked(repo)
  assert.deepEqual([damagedObjects(result), result.revoked.length], [[], 1])
})
