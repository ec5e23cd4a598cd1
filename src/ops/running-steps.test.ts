import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import { RunningSteps } from './running-steps.ts'

test('no more steps run at once than there is room for, and whoever starts one waits', async () => {
  const steps = new RunningSteps(3)
  let now = 0
  let most = 0
  for (let i = 0; i < 20; i++) {
    await steps.start(async () => {
      most = Math.max(most, ++now)
      await setTimeout(1)
      now--
    })
    assert.ok(now <= 3)
  }
  await steps.idle()
  assert.deepEqual([now, most], [0, 3])
})

test('after a failure nothing more is started, and idle tells it when the others are over', async () => {
  const steps = new RunningSteps(2)
  let finished = false
  await steps.start(async () => {
    await setTimeout(5)
    finished = true
  })
  await steps.start(() => Promise.reject(new TypeError('first')))
  await setTimeout(0)
  let started = false
  await assert.rejects(
    steps.start(async () => {
      started = true
    }),
    TypeError,
  )
  assert.equal(started, false)
  await assert.rejects(steps.idle(), TypeError)
  assert.equal(finished, true)
  await steps.settled()
})
