import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { BlockCredit } from './block-credit.ts'

const MIB = 1024 * 1024
const TAKER = `
  const { workerData } = require('node:worker_threads')
  import(workerData.module).then(({ BlockCredit }) => new BlockCredit(workerData.shared).take(workerData.bytes))
`

test('who takes more than there is waits, is counted meanwhile, and goes on when there is room', async () => {
  const credit = new BlockCredit()
  credit.take(10 * MIB)
  assert.equal(credit.waiting, 0)
  const module = new URL('block-credit.ts', import.meta.url).href
  const worker = new Worker(TAKER, { eval: true, workerData: { module, shared: credit.shared, bytes: 8 * MIB } })
  let ended = false
  const exit = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      ended = true
      resolve()
    })
  })
  while (credit.waiting === 0) await sleep(1)
  assert.equal(credit.waiting, 1)
  assert.equal(ended, false)
  credit.giveBack(10 * MIB)
  await exit
  assert.equal(credit.waiting, 0)
  assert.equal(credit.shared[0], 8 * MIB)
})
