import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError, type ErrorCode } from '../base/errors.ts'
import { seededRng } from '../base/random.ts'
import { CountingStore } from './counting-store.ts'
import { MemoryStore } from './memory-store.ts'
import { type RetryOptions, RetryingStore } from './retrying-store.ts'
import type { PutResult, Store } from './store.ts'

test('what may work the next time is tried again, with pauses that grow up to a limit', async () => {
  const { store, failing, pauses } = world({ triesMax: 6, delayMs: 100, delayMsMax: 400 })
  failing.before = Array.from({ length: 5 }, (_, n) => (n % 2 ? 'io' : 'unreachable'))
  await store.put('data/ab/01', [Buffer.from('x')])
  assert.equal(pauses.length, 5)
  for (const [n, longest] of [100, 200, 400, 400, 400].entries()) {
    assert.ok(pauses[n]! > longest / 2 && pauses[n]! <= longest, `pause ${n} of ${pauses[n]} ms`)
  }
  assert.equal(new Set(pauses).size, 5, 'jitter')
})

test('it gives up after as many tries as allowed, with the last error', async () => {
  const { store, failing, counted } = world({ triesMax: 3 })
  failing.before = ['io', 'io', 'unreachable', 'io']
  await assert.rejects(store.get('data/ab/01'), (error) => error instanceof BackupError && error.code === 'unreachable')
  assert.equal(counted.counts.gets + counted.counts.failures, 0, 'none reached the store')
})

test('it gives up when the time is over, without a last pause', async () => {
  const { store, failing, pauses } = world({ triesMax: 100, delayMs: 1000, delayMsMax: 1000, giveUpMs: 3500 })
  failing.before = Array.from({ length: 100 }, () => 'io' as const)
  await assert.rejects(store.stat('data/ab/01'), BackupError)
  const waited = pauses.reduce((sum, pause) => sum + pause, 0)
  assert.ok(waited <= 3500 && waited > 2500, `${waited} ms`)
})

test('what cannot become better is not tried again', async () => {
  for (const code of ['not-found', 'corrupt', 'refused', 'full', 'usage', 'limit'] as const) {
    const { store, failing, pauses } = world({})
    failing.before = [code]
    await assert.rejects(store.list('data/'), (error) => error instanceof BackupError && error.code === code)
    assert.deepEqual(pauses, [], code)
  }
  const { store, failing, pauses } = world({})
  failing.before = [new TypeError('a bug')]
  await assert.rejects(store.list('data/'), TypeError)
  assert.deepEqual(pauses, [])
})

test('a put whose answer was lost finds its own object, and only its own', async () => {
  const { store, failing, inner } = world({})
  failing.after = ['unreachable']
  assert.deepEqual(await store.put('data/ab/01', [Buffer.from('ab'), Buffer.from('c')]), { created: true })
  await inner.put('keys/01', [Buffer.from('somebody else')])
  for (const bytes of ['mine', 'somebody els', 'somebody elsf', 'somebody elsf!', '']) {
    failing.before = ['io']
    assert.deepEqual(await store.put('keys/01', [Buffer.from(bytes)]), { created: false })
  }
  assert.deepEqual(await store.put('keys/01', [Buffer.from('somebody else')]), { created: false }, 'no try was lost')
})

test('a put of which an earlier try has left a part is not told as done', async () => {
  const { store, failing, inner } = world({})
  await inner.put('data/ab/01', [Buffer.from('ab')])
  failing.before = ['io']
  await assert.rejects(store.put('data/ab/01', [Buffer.from('abc')]), { code: 'corrupt', subject: 'data/ab/01' })
})

interface Failing {
  /** What the next requests throw before they reach the store. */
  before: (ErrorCode | Error)[]
  /** What the next puts throw after they were carried out. */
  after: ErrorCode[]
}

function world(opts: Partial<RetryOptions>) {
  const inner = new MemoryStore()
  const counted = new CountingStore(inner)
  const failing: Failing = { before: [], after: [] }
  const pauses: number[] = []
  let now = 0
  const store = new RetryingStore(failingStore(counted, failing), {
    clock: { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() },
    sleep: async (ms) => {
      pauses.push(ms)
      now += ms
    },
    rng: seededRng(7),
    ...opts,
  })
  return { store, inner, counted, failing, pauses }
}

function failingStore(inner: Store, failing: Failing): Store {
  const fail = async (): Promise<void> => {
    const next = failing.before.shift()
    if (next instanceof Error) throw next
    if (next !== undefined) throw new BackupError(next, 'simulated', 'before')
  }
  return {
    location: inner.location,
    listLagMs: 0,
    async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
      await fail()
      const result = await inner.put(name, parts)
      const after = failing.after.shift()
      if (after !== undefined) throw new BackupError(after, 'simulated', 'after')
      return result
    },
    get: (name, range) => fail().then(() => inner.get(name, range)),
    stat: (name) => fail().then(() => inner.stat(name)),
    keep: (name) => fail().then(() => inner.keep(name)),
    list: (prefix, cursor) => fail().then(() => inner.list(prefix, cursor)),
    delete: (name) => fail().then(() => inner.delete(name)),
    close: () => inner.close(),
  }
}
