// Changes of keys that are cut off at every request, and two of them at once: whatever is left opens for everybody as before or
// as afterwards, and the same change can be made again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credential } from '../../src/credentials/credential.ts'
import { toHex } from '../../src/base/bytes.ts'
import type { AnnouncedKeys } from '../../src/format/announced-keys.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { recipientOf } from '../../src/format/session-keys.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Rotation } from '../../src/repo/rotate-keys.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { letIn } from '../attacks/insiders.ts'
import type { Insider } from '../attacks/insiders.ts'
import { readEverything } from '../damage/observation.ts'
import { SmallRepository, storeOf } from '../damage/small-repository.ts'
import { addDomainTo, rotate, unlocked } from '../support/key-changes.ts'
import { CutStore, isCut } from './cut-store.ts'
import { Accompanied } from './passing-store.ts'

interface Scene {
  readonly made: SmallRepository
  readonly reader: Insider
  readonly objects: ReadonlyMap<string, Uint8Array>
}

async function scene(): Promise<Scene> {
  const made = await SmallRepository.empty(7)
  await made.backup({ early: Buffer.alloc(900, 'e') })
  const reader = await letIn(made, 'read')
  await letIn(made, 'write')
  return { made, reader, objects: await made.objects() }
}

/** How many snapshots it reads to the last byte; every one has to be readable. */
async function readable(store: Store, credential: Credential): Promise<number> {
  const reading = await readEverything(await openRepository(store, credential))
  for (const [name, found] of reading) {
    assert.ok(found instanceof Map, found instanceof Error ? found : name)
    for (const content of found.values()) assert.equal(typeof content, 'string')
  }
  return reading.size
}

async function slotCount(store: Store): Promise<number> {
  let count = 0
  for await (const _ of listAll(store, PREFIXES.keys)) count++
  return count
}

const CHANGES: Record<string, (made: SmallRepository, store: Store) => Promise<unknown>> = {
  'a domain': (made, store) => addDomainTo(made, 'new', store),
  'new keys': (made, store) => rotate(made, { store }),
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what}: cut off at any change, everybody opens what was there, and it can be done again`, async () => {
    const { made, reader, objects } = await scene()
    let steps = 0
    for (let finished = false; !finished; steps++) {
      for (const isMade of [false, true]) {
        const store = await storeOf(objects)
        finished = await change(made, new CutStore(store, steps, isMade)).then(
          () => true,
          (error: unknown) => {
            if (isCut(error)) return false
            throw error
          },
        )
        const state = made.copyOfState()
        assert.deepEqual([await readable(store, made.credential), await readable(store, reader.credential)], [1, 1])
        if (finished) break
        // What is stored before it is done again is not lost to who gets the keys in the end.
        await made.backup({ between: Buffer.alloc(700, 'b') }, store, state)
        assert.equal(await readable(store, made.credential), 2)
        await change(made, store).catch((error: { code?: string }) => assert.equal(error.code, 'exists'))
        await made.backup({ late: Buffer.alloc(800, 'l') }, store, state)
        assert.deepEqual([await readable(store, made.credential), await readable(store, reader.credential)], [3, 3])
        const { bundle } = await openRepository(store, made.credential)
        assert.equal(
          bundle.localKey.join(),
          (await openRepository(await storeOf(objects), made.credential)).bundle.localKey.join(),
        )
      }
    }
    assert.ok(steps > 2, `${steps} steps`)
  })
}

test('new keys are made by two administrators at once: none of what is stored meanwhile is lost, and no slot is left over', async () => {
  const { made, reader } = await scene()
  const other = await letIn(made, 'admin')
  const before = await made.objects()
  const admin = { ...other, credential: other.credential, clock: made.clock, random: made.random }
  let requests = 0
  const ends = new Set<string>()
  for (let at = 0, isOver = false; !isOver; at++) {
    const store = await storeOf(before)
    const state = made.copyOfState()
    requests = 0
    const announced: Rotation[] = []
    const accompanied = new Accompanied(store, async () => {
      if (requests++ !== at) return
      await rotate({ ...admin, store }).then(
        (second) => {
          ends.add('second')
          announced.push(second)
        },
        (error: { code?: string; message: string }) => assert.equal(error.code, 'refused', error.message),
      )
      await made.backup({ between: Buffer.alloc(700, 'b') }, store, state)
    })
    const first = await rotate(made, { store: accompanied }).catch((error: { code?: string; message: string }) => error)
    isOver = requests <= at
    // Whoever notices in the midst that keys were changed begins again, or says so.
    if ('code' in first) assert.equal(first.code, 'refused', first.message)
    else {
      ends.add('first')
      announced.push(first as Rotation)
    }
    // Machines without these keys tell by the description which packs can be opened.
    const [{ dataPublic, older }] = (await unlocked(store, made.credential)).description.announced as [AnnouncedKeys]
    const known = [recipientOf(dataPublic), ...older.map(({ data }) => data)].map(toHex)
    for (const { domains } of announced) assert.ok(known.includes(toHex(recipientOf(domains[0]!.dataPublic))), `${at}`)
    await made.backup({ late: Buffer.alloc(800, 'l') }, store, state)
    const snapshots = isOver ? 2 : 3
    for (const credential of [made.credential, other.credential, reader.credential])
      assert.equal(await readable(store, credential), snapshots, `at request ${at}`)
    await rotate({ ...admin, store })
    assert.equal(await slotCount(store), 4)
    for (const credential of [made.credential, other.credential, reader.credential])
      assert.equal(await readable(store, credential), snapshots, `at request ${at}`)
  }
  assert.ok(requests > 10)
  assert.deepEqual([...ends].toSorted(), ['first', 'second'])
})
