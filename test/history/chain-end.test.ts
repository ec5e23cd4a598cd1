// What a machine signs says what came before it: so it signs after nothing that it has seen the name of alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hash } from '../../src/crypto/hash.ts'
import { logName, PREFIXES, snapshotName } from '../../src/format/names.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { ListPage } from '../../src/store/store.ts'
import { HistoryScene } from '../support/history-scene.ts'

const note = { kind: 'note', text: 'seen' } as const
const MADE_UP = new Uint8Array(32).fill(7)

/** Lists an object that it does not have. */
class Listing extends Passing {
  readonly #name: string

  constructor(inner: ConstructorParameters<typeof Passing>[0], name: string) {
    super(inner)
    this.#name = name
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await super.list(prefix, cursor)
    if (!this.#name.startsWith(prefix)) return page
    const objects = [...page.objects, { name: this.#name, size: 400, receivedMs: 0 }]
    return { ...page, objects: objects.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  }
}

test('nothing is signed after an object that the store lists and does not give', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const { wid } = await ada.backup()
  await ada.record(note)
  const before = [await scene.names(PREFIXES.log), await scene.names(PREFIXES.snapshots)]
  const lying = (name: string) => new Listing(scene.store, name)
  const isRefused = { code: 'corrupt', message: /lists this object and does not give it/ }
  await assert.rejects(ada.record(note, lying(logName(wid, 9, MADE_UP))), isRefused)
  await assert.rejects(ada.backup(lying(snapshotName(wid, 9, MADE_UP))), isRefused)
  assert.deepEqual([await scene.names(PREFIXES.log), await scene.names(PREFIXES.snapshots)], before)
})

test('what somebody else has put into the chain of a machine is passed over, and what is damaged of its own is not', async () => {
  const scene = await HistoryScene.create()
  const [ada, eve] = [scene.machine('ada'), scene.machine('eve')]
  const { wid } = await ada.backup()
  await ada.record(note)
  const [theirs, alien] = [await eve.backup(), await eve.record(note)]
  for (const [name, from] of [
    [snapshotName(wid, 9, hash(await scene.store.get(theirs.objectName))), theirs.objectName],
    [logName(wid, 9, hash(await scene.store.get(alien.objectName))), alien.objectName],
  ] as const) {
    await scene.store.put(name, [await scene.store.get(from)])
  }
  assert.equal((await ada.backup()).seq, 2)
  const second = await ada.record(note)
  assert.equal(second.seq, 2)

  scene.store.damage(second.objectName, (await scene.store.get(second.objectName)).with(90, 0xaa))
  const third = await ada.record(note)
  assert.equal(third.seq, 3)
})
