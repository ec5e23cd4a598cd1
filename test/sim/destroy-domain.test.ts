// A domain that is destroyed: nothing of it is left, nothing else is touched, wherever it is cut off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import { encodeIndexSegment } from '../../src/format/index-segment.ts'
import { indexName, parityName, parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { contentOfDomain } from '../../src/ops/destroy/content.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { ensureParity } from '../../src/ops/repair/heal-objects.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { listPacks } from '../../src/repo/index/missing-packs.ts'
import { Repository } from '../../src/repo/repository.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { moveToTrash } from '../../src/repo/history/trash.ts'
import { readDirectories } from '../../src/repo/packs/unindexed-packs.ts'
import type { UnindexedPack } from '../../src/repo/packs/unindexed-packs.ts'
import { administrator, backUpAs } from '../attacks/insiders.ts'
import { checked, readEverything } from '../damage/observation.ts'
import { SmallRepository, storeOf } from '../damage/small-repository.ts'
import { addDomainTo, destroy } from '../support/key-changes.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { CutStore, isCut } from './cut-store.ts'

const keyFile = () => ({ kind: 'key-file' as const, secret: secureRandom(32) })

async function scene() {
  const made = await SmallRepository.empty(11)
  await addDomainTo(made, 'private')
  await addDomainTo(made, 'third')
  const repo = await made.open()
  const { bundle, description } = repo
  const details = {
    created: { sec: 1_700_000_000, nsec: 0 },
    random: made.random,
    suite: description.suite,
    maker: bundle,
  }
  const member = async (...domains: string[]) => {
    const credential = keyFile()
    await addSlot(
      made.store,
      restrictBundle(bundle, { role: 'read', random: made.random, domains }),
      credential,
      details,
    )
    return credential
  }
  const [both, alone, other] = [await member('private', 'default'), await member('private'), await member('third')]
  const tree = (text: string) => ({ [text]: Buffer.alloc(9000, text) })
  for (const domain of ['default', 'private', 'third', 'private'])
    await backUpAs(made, (await made.open()).inDomain(domain), tree(`${domain} `), made.state)
  const forgotten = await made.open()
  const [last] = (await forgotten.snapshots()).slice(-1)
  await moveToTrash(forgotten, [last!], { ...(await administrator(made)), random: made.random })
  const context = { store: made.store, steps: [] }
  for (const [name, bytes] of await made.objects()) {
    if (/^(?:data|meta|skeys|snap)\//.test(name))
      await ensureParity(context, { shares: { data: 0.1, meta: 1 }, suite: description.suite }, name, bytes)
  }
  return { made, both, alone, other, objects: await made.objects() }
}

/** Parity may be as good as a copy, and nobody knows whose it is when its object is gone. */
async function assertNoParityIsLeft(store: Store, before: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for await (const { name } of listAll(store, PREFIXES.parity)) {
    const of = name.slice(PREFIXES.parity.length)
    if (before.has(of)) assert.notEqual(await store.stat(of), null, name)
  }
}

async function contents(repo: Repository): Promise<number> {
  let read = 0
  for (const each of repo.inDomains) {
    const found = [...(await readEverything(each)).values()].filter((snapshot) => snapshot instanceof Map)
    for (const snapshot of found) for (const text of snapshot.values()) if (typeof text === 'string') read++
  }
  return read
}

test('cut off at any change, a domain is destroyed in the end with all that was in it, and others are whole all the time', async () => {
  const { made, both, alone, other, objects } = await scene()
  const before = await storeOf(objects)
  const [ofOther, withBoth] = [await openRepository(before, other), await openRepository(before, both)]
  const wholeOther = await contents(ofOther)
  const past = await openRepository(before, made.credential)
  assert.ok(wholeOther > 0 && (await contents(withBoth)) > wholeOther)
  let steps = 0
  for (let finished = false; !finished; steps++) {
    for (const isMade of [false, true]) {
      const store = await storeOf(objects)
      finished = await destroy(made, 'private', new CutStore(store, steps, isMade)).then(
        () => true,
        (error: unknown) => {
          if (isCut(error)) return false
          throw error
        },
      )
      assert.equal(await contents(await openRepository(store, other)), wholeOther)
      await assertNoParityIsLeft(store, objects)
      if (!finished)
        await destroy(made, 'private', store).catch((error: { code?: string }) => assert.equal(error.code, 'not-found'))
      const admin = await openRepository(store, made.credential)
      assert.deepEqual(
        admin.bundle.domains.map(({ name }) => name),
        ['default', 'third'],
      )
      await admin.loadIndex()
      assert.deepEqual((await checked(admin)).damages, [])
      const { bytes, unclear, ...left } = await contentOfDomain(new Repository({ ...past, store }).inDomain('private'))
      assert.deepEqual([Object.values(left).flat(), bytes, unclear], [[], 0, []])
      assert.deepEqual((await auditHistory({ repo: admin })).findings, [])
      assert.equal(await contents(await openRepository(store, both)), wholeOther)
      assert.equal(await contents(await openRepository(store, other)), wholeOther)
      await assert.rejects(openRepository(store, alone), { code: 'wrong-key' })
      if (finished) break
    }
  }
  assert.ok(steps > 15, `${steps} steps`)
})

test('packs of others that a member names in the index of the domain are not destroyed with it', async () => {
  const { made, other } = await scene()
  const repo = await made.open()
  const [mine, theirs] = [repo.inDomain('private'), repo.inDomain('third')]
  const packs: UnindexedPack[] = []
  for await (const pack of readDirectories(made.store, theirs.indexSealer, await listPacks(made.store)))
    packs.push(pack)
  assert.ok(packs.length > 1)
  const { signer } = (await administrator(made)).writer
  const segment = {
    sessions: packs.flatMap(({ sessions }) => sessions),
    packs: packs.map((pack) => ({ ...pack, sessions: [] })),
  }
  const bytes = encodeIndexSegment({ ...segment, distrusted: [] }, { sealer: mine.indexSealer, signer })
  await made.store.put(indexName(hash(bytes)), [bytes])
  const whole = await contents(await openRepository(made.store, other))
  for (const name of (await made.objects()).keys()) await made.store.put(parityName(name), [Buffer.from('parity')])
  const { content } = await destroy(made, 'private')
  for (const name of [...content.packs, ...content.sessionKeys])
    assert.equal(await made.store.stat(parityName(name)), null)
  for (const { objectName } of packs) assert.notEqual(await made.store.stat(parityName(objectName)), null)
  assert.ok(content.segments.includes(indexName(hash(bytes))) && content.packs.length > 0)
  assert.equal(await contents(await openRepository(made.store, other)), whole)
  await assert.rejects(destroy(made, 'private'), { code: 'not-found' })
  await destroy(made, 'third')
  await assert.rejects(destroy(made, 'default'), { code: 'refused', message: /only domain/ })
})

/** Each object is read wrong the first time. */
class WrongAtFirst extends Passing {
  readonly #seen = new Set<string>()

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    const key = `${name} ${range?.offset}`
    if (!/^(?:skeys|sess|snap|trash|index|data|meta)\//.test(name) || this.#seen.has(key)) return bytes
    this.#seen.add(key)
    return bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)
  }
}

test('what was read wrong once is destroyed all the same, and what is damaged is named and stays', async () => {
  const { made, objects } = await scene()
  const contentIn = async (store: Store) =>
    contentOfDomain((await openRepository(store, made.credential)).inDomain('private'))
  const sound = await storeOf(objects)
  const whole = await contentIn(sound)
  assert.deepEqual(whole.unclear, [])
  assert.deepEqual(await contentIn(new WrongAtFirst(sound)), whole)
  const intents = whole.sessions.filter((name) => parseObjectName(name)?.kind === 'session')
  const { packs, segments } = whole
  for (const name of [packs[0]!, segments[0]!, intents[0]!, whole.snapshots[0]!.objectName]) {
    const store = await storeOf(objects)
    const bytes = objects.get(name)!
    store.damage(name, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1))
    const { unclear } = await contentIn(store)
    assert.deepEqual(unclear, [name])
  }
})
