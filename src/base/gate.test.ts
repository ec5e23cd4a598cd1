import assert from 'node:assert/strict'
import test from 'node:test'
import { Gate } from './gate.ts'

test('no more than the size is under way at once, in order of asking', async () => {
  const gate = new Gate(2)
  const order: number[] = []
  let active = 0
  let most = 0
  await Promise.all(
    [1, 2, 3, 4, 5].map(async (n) => {
      await gate.enter()
      order.push(n)
      most = Math.max(most, ++active)
      await new Promise((resolve) => setImmediate(resolve))
      active--
      gate.leave()
    }),
  )
  assert.deepEqual(order, [1, 2, 3, 4, 5])
  assert.equal(most, 2)
})

test('an amount larger than the whole is let in alone', async () => {
  const gate = new Gate(10)
  await gate.enter(25)
  let entered = false
  const second = gate.enter(1).then(() => {
    entered = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(entered, false)
  gate.leave(25)
  await second
  assert.equal(entered, true)
})

test('a small amount does not pass a large one that waits', async () => {
  const gate = new Gate(4)
  await gate.enter(3)
  const order: string[] = []
  const large = gate.enter(4).then(() => order.push('large'))
  const small = gate.enter(1).then(() => order.push('small'))
  gate.leave(3)
  await large
  gate.leave(4)
  await small
  assert.deepEqual(order, ['large', 'small'])
})
