import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { seededRng } from '../../base/random.ts'
import { PREFIXES, sessionEndName } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import { checkRepository } from '../check.ts'
import { scrubStore } from '../scrub.ts'

/** A backup whose end was not noted, and another one after it unless `last`. */
async function withTorn(length: number, { ended = false, last = false, parent = false, zeros = false } = {}) {
  const repository = await MemoryRepository.create()
  const { store } = repository
  const { snapshot } = await repository.backup(new ScriptedSource({ a: 'a' }))
  const name = snapshot.objectName
  const bytes = await store.get(name)
  const { sid } = (await (await repository.open()).snapshots())[0]!
  if (!ended) await store.delete(sessionEndName(sid))
  const tear = () => {
    const torn = new Uint8Array(zeros ? bytes.length : length)
    torn.set(bytes.subarray(0, length))
    store.damage(name, torn)
  }
  if (!parent) tear()
  if (!last) await repository.backup(new ScriptedSource({ a: 'b' }))
  tear()
  return { repository, name }
}

async function found({ repository, name }: Awaited<ReturnType<typeof withTorn>>): Promise<string[]> {
  const repo = await repository.open()
  const check = await checkRepository({ repo, depth: 'structure', rng: seededRng(1), threads: 0 })
  const scrub = await scrubStore({ store: repository.store })
  return [check, scrub].map(({ cutOff, damages }) => {
    const isDamage = damages.some(({ object }) => object === name)
    assert.equal(cutOff.includes(name), !isDamage)
    return isDamage ? 'damage' : 'cut off'
  })
}

test('a part of a snapshot whose session never ended is what is left of a backup that died', async () => {
  for (const length of [0, 1, 95, 96, 200]) {
    for (const opts of [{}, { zeros: true }, { last: true }]) {
      assert.deepEqual(await found(await withTorn(length, opts)), ['cut off', 'cut off'], `${length}`)
    }
  }
})

test('it is damage when its session ended', async () => {
  for (const length of [0, 95, 96, 200]) {
    assert.deepEqual(await found(await withTorn(length, { ended: true })), ['damage', 'damage'], `${length}`)
  }
})

test('it is damage when another snapshot was compared with it: then it was whole', async () => {
  const [check] = await found(await withTorn(200, { parent: true }))
  assert.equal(check, 'damage')
})

test('a snapshot that is gone stays missed, though its session never ended', async () => {
  const { repository, name } = await withTorn(200)
  await repository.store.delete(name)
  const names: string[] = []
  for await (const each of listAll(repository.store, PREFIXES.snapshots)) names.push(each.name)
  const repo = await repository.open()
  const { damages } = await checkRepository({ repo, depth: 'structure', rng: seededRng(1), threads: 0 })
  assert.deepEqual(
    damages.map(({ object, messages }) => [object, messages]),
    [[names[0], ['snapshot 1 of its writer is not there']]],
  )
})
