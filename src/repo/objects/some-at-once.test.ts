import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { someAtOnce } from './some-at-once.ts'

test('a bounded number is under way, the next begins when any one is done, and results have the order of what was asked', async () => {
  const began: number[] = []
  const finish = new Map<number, () => void>()
  const items = Array.from({ length: 100 }, (_, i) => i)
  const done = someAtOnce(items, (item) => {
    began.push(item)
    return new Promise<string>((resolve) => finish.set(item, () => resolve(`${item}`)))
  })
  await turn()
  const width = began.length
  assert.ok(width > 8 && width < items.length)
  finish.get(5)!() // the first is still under way
  await turn()
  assert.deepEqual(began, items.slice(0, width + 1))
  while (finish.size > 0) {
    for (const [item, resolve] of [...finish].toReversed()) {
      finish.delete(item)
      resolve()
    }
    await turn()
  }
  assert.deepEqual(
    await done,
    items.map((item) => `${item}`),
  )
})

test('after a failure nothing begins, and it is told when nothing is under way any more', async () => {
  const items = Array.from({ length: 100 }, (_, i) => i)
  let running = 0
  let began = 0
  const work = async (item: number): Promise<void> => {
    began++
    running++
    await turn()
    if (item !== 3) await turn()
    running--
    if (item === 3) throw new Error('the third')
  }
  await assert.rejects(someAtOnce(items, work), { message: 'the third' })
  assert.equal(running, 0)
  const before = began
  await turn()
  assert.equal(began, before)
  assert.ok(began < items.length)
})

test('of nothing comes nothing', async () => {
  assert.deepEqual(await someAtOnce([], async () => 1), [])
})
