import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { requireLinux } from '../../test/support/requirements.ts'

// A thread that loads the library, says so, and then works until it is stopped or ends by itself.
const source = `
  import { parentPort, workerData } from 'node:worker_threads'
  const { loadPosix } = await import(workerData.libc)
  const { statAt } = await import(workerData.stat)
  const { listXattr } = await import(workerData.xattr)
  const support = loadPosix()
  parentPort.postMessage(support.full)
  const end = Date.now() + workerData.workMs
  while (Date.now() < end) {
    for (let i = 0; i < 100; i++) {
      statAt(-100, '/tmp')
      listXattr({ path: '/tmp' })
    }
  }
`

test('threads that loaded the library can end and be stopped while others work', async (t) => {
  if (!requireLinux(t)) return
  const at = (file: string) => new URL(file, import.meta.url).href
  const workerData = { libc: at('libc.ts'), stat: at('stat.ts'), xattr: at('xattr.ts') }
  const start = (workMs: number) =>
    new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: { ...workerData, workMs } })
  for (let round = 0; round < 5; round++) {
    const ending = start(20)
    const stopped = start(60_000)
    const ended = once(ending, 'exit')
    const [[full]] = await Promise.all([once(ending, 'message'), once(stopped, 'message')])
    assert.equal(full, true)
    await stopped.terminate()
    assert.deepEqual(await ended, [0])
  }
})
