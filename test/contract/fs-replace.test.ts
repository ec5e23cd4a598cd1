// Replacing a damaged object of a local repository: at every moment one of the two is there whole, and once it is acknowledged
// the new one survives a power cut.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exchangeFiles } from '../../src/store/exchange-files.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { errno, WatchedCalls } from './watched-calls.ts'

const NAME = 'data/ab/01'
const [OLD, NEW] = [Buffer.from('damaged, and longer than the other'), Buffer.from('as it was')]

async function world(t: TestContext) {
  const folder = tempFolder(t)
  const root = join(folder, 'repository')
  // The calls of the way without an exchange can be watched.
  const store = await openFsStore(root, { create: true, exchange: async () => 'unsupported' })
  await store.put(NAME, [OLD])
  const calls = new WatchedCalls(t, folder)
  return { calls, store, root, now: () => readFileSync(join(root, NAME)).toString() }
}

test('an object that is replaced is the new one, durable, and nothing is left over', async (t) => {
  const { calls, store, root, now } = await world(t)
  await store.replace(NAME, [NEW.subarray(0, 3), NEW.subarray(3)])
  assert.equal(now(), NEW.toString())
  assert.ok(calls.survivesPowerCut(root, NAME))
  assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  // The damaged one is let go only after that.
  const aside = calls.done.findIndex((call) => call.kind === 'link')
  const gone = calls.done.findIndex((call) => call.kind === 'unlink' && call.path === calls.done[aside]!.to)
  const synced = calls.done.findIndex((call) => call.kind === 'sync' && call.path.endsWith('/ab'))
  assert.ok(aside >= 0 && synced > aside && gone > synced)
})

test('where files can be exchanged, the damaged one is let go only when the folder is durable, and what is deleted at this moment stays away', async (t) => {
  const { calls, root } = await world(t)
  const store = await openFsStore(root, { create: false })
  assert.equal(await store.replace(NAME, [NEW]), true)
  assert.deepEqual(Buffer.from(await store.get(NAME)), NEW)
  assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  const synced = calls.done.findLastIndex((call) => call.kind === 'sync' && call.path.endsWith('/ab'))
  const gone = calls.done.findLastIndex((call) => call.kind === 'unlink')
  assert.ok(synced > 0 && gone > synced)

  // It goes between the look and the exchange.
  const racing = await openFsStore(root, {
    create: false,
    exchange: async (one, other) => {
      unlinkSync(other)
      return exchangeFiles(one, other)
    },
  })
  assert.equal(await racing.replace(NAME, [OLD]), false)
  assert.equal(await store.stat(NAME), null)
  assert.deepEqual(readdirSync(join(root, 'tmp')), [])
})

test('whichever call fails, the object is the damaged one or the new one, and trying again replaces it', async (t) => {
  const { calls, store, root, now } = await world(t)
  await store.replace(NAME, [NEW])
  const count = calls.begun
  for (let at = 0; at < count; at++) {
    calls.failure = () => undefined
    await store.replace(NAME, [OLD])
    const first = calls.begun
    calls.failure = (_call, number) => (number === first + at ? errno('EIO') : undefined)
    const failed = await store.replace(NAME, [NEW]).then(
      () => false,
      () => true,
    )
    const content = now()
    assert.ok(content === NEW.toString() || (failed && content === OLD.toString()), `call ${at}: ${content}`)
    calls.failure = () => undefined
    await store.replace(NAME, [NEW])
    assert.equal(now(), NEW.toString())
  }
  assert.ok(count >= 8 && readdirSync(join(root, 'tmp')).length < count)
})

test('where there are no hard links it is replaced all the same', async (t) => {
  const { calls, store, now } = await world(t)
  calls.failure = (call) => (call.kind === 'link' ? errno('EPERM') : undefined)
  await store.replace(NAME, [NEW])
  assert.equal(now(), NEW.toString())
})
