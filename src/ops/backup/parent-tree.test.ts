import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { fromHex } from '../../base/bytes.ts'
import { systemClock } from '../../base/clock.ts'
import { secureRandom } from '../../base/random.ts'
import { encodeDeletionPlan } from '../../format/deletion-plan.ts'
import { parseObjectName, planName, PREFIXES } from '../../format/names.ts'
import { writerIdentity } from '../../repo/writers/writer-identity.ts'
import { listAll } from '../../store/store.ts'

/** Condemns every pack there is now of these kinds, as a pruner that is about to delete them. */
async function condemn(repository: MemoryRepository, kinds: readonly ('data' | 'meta')[]): Promise<Set<string>> {
  const repo = await repository.open()
  const { state } = repository
  const { signer } = await writerIdentity(repo, { state, clock: systemClock, random: secureRandom, host: 'host' })
  const condemned = new Set<string>()
  const hashes: Record<'data' | 'meta', Uint8Array[]> = { data: [], meta: [] }
  for (const kind of kinds) {
    for await (const { name } of listAll(repository.store, PREFIXES[kind])) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'pack') continue
      hashes[kind].push(fromHex(parsed.hash)!)
      condemned.add(name)
    }
  }
  const pid = secureRandom(16)
  const plan = { pid, created: { sec: 1, nsec: 0 }, dataPacks: hashes.data, metaPacks: hashes.meta }
  await repository.store.put(planName(pid), [encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer })])
  return condemned
}

/** Deletes what was condemned, and the index that names it. */
async function deleteAll(
  repository: MemoryRepository,
  condemned: ReadonlySet<string>,
  segments: string[],
): Promise<void> {
  for (const name of [...segments, ...condemned]) await repository.store.delete(name)
}

async function names(repository: MemoryRepository, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of listAll(repository.store, prefix)) found.push(name)
  return found
}

const file = Buffer.alloc(300_000, 'x')
const long = { content: Buffer.from('a'), xattrs: [{ name: Buffer.from('user.long'), value: Buffer.alloc(5000, 'v') }] }
/** Two empty folders are one node; two equal files are one blob. */
const tree = () =>
  new ScriptedSource({ empty: {}, 'empty too': {}, folder: { file, again: file, long }, link: 'target' })

const SELECTIONS: readonly (readonly ('data' | 'meta')[])[] = [['meta'], ['data'], ['data', 'meta']]

for (const kinds of SELECTIONS) {
  test(`what the parent has in condemned ${kinds.join(' and ')} packs is stored again, and nothing else`, async () => {
    const repository = await MemoryRepository.create()
    await repository.backup(tree())
    const segments = await names(repository, PREFIXES.index)
    const condemned = await condemn(repository, kinds)
    const again = await repository.backup(tree())
    assert.equal(again.body.partial, false)
    assert.equal(again.body.stats.newPlainBytes > 0, true)
    // Without its topmost node nothing is known of the parent.
    assert.equal(again.body.stats.unchangedFiles, kinds.includes('meta') ? 0 : 3)
    const kept = new Set(await names(repository, PREFIXES.index)).size
    assert.equal(kept, segments.length + 1)
    if (kinds.length < 2) return
    await deleteAll(repository, condemned, segments)
    const entries = await repository.entries(again)
    assert.ok(file.equals(await repository.content(entries.get('/folder/again')!)))
    const value = entries.get('/folder/long')!.xattrs![0]!.value
    assert.ok(!(value instanceof Uint8Array))
    const content = { kind: 'extents' as const, extents: value.extents }
    assert.equal((await repository.content({ ...entries.get('/folder/long')!, content })).length, 5000)
    assert.ok(entries.has('/empty too'))
  })
}

test('a node that is condemned and was stored again a moment ago is not read from where it no longer counts', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(new ScriptedSource({ empty: {} }))
  const condemned = await condemn(repository, ['meta'])
  for (const name of await names(repository, PREFIXES.plans)) await repository.store.delete(name)
  await repository.backup(tree()) // shares the node of an empty folder with the first
  const repo = await repository.open()
  const { state } = repository
  const { signer } = await writerIdentity(repo, { state, clock: systemClock, random: secureRandom, host: 'host' })
  const pid = secureRandom(16)
  const metaPacks = [...condemned].map((name) => fromHex(name.slice(-64))!)
  const plan = encodeDeletionPlan(
    { pid, created: { sec: 1, nsec: 0 }, dataPacks: [], metaPacks },
    { sealer: repo.indexSealer, signer },
  )
  await repository.store.put(planName(pid), [plan])
  const third = await repository.backup(tree())
  assert.equal(third.body.stats.unchangedFiles, 3)
  assert.deepEqual(repository.problems, [])
})

test('a tree that has not changed is taken over without storing anything', async () => {
  const repository = await MemoryRepository.create()
  const first = await repository.backup(tree())
  const second = await repository.backup(tree())
  assert.deepEqual(second.body.root, first.body.root)
  assert.equal(second.body.stats.newBlobs, 0)
  assert.equal((await names(repository, PREFIXES.data)).length + (await names(repository, PREFIXES.meta)).length, 2)
})
