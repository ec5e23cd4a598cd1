// A worker thread of a restore: a BatchWorker behind messages.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { BackupError } from '../../base/errors.ts'
import { initHashing } from '../../crypto/hash.ts'
import { loadPosix } from '../../posix/libc.ts'
import type { WriterSetup } from './batch.ts'
import { BatchWorker } from './batch-worker.ts'
import type { FromThread, Job, ThreadError, ToThread } from './executor.ts'

assert(parentPort !== null, 'worker-thread.ts runs as a worker thread')
const port = parentPort

await initHashing()
loadPosix()
const worker = new BatchWorker(workerData as WriterSetup)

port.on('message', (message: ToThread) => {
  if (message.kind === 'stop') port.close()
  else answer(message.id, message.job)
})
// Native modules are loaded from here on; a thread that is stopped while it loads them takes the process with it.
port.postMessage({ kind: 'ready' } satisfies FromThread)

function answer(id: number, job: Job): void {
  try {
    const result = job.kind === 'write' ? worker.run(job.batch) : worker.compare(job.job)
    port.postMessage({ kind: 'done', id, result } satisfies FromThread)
  } catch (error) {
    port.postMessage({ kind: 'failed', id, error: describe(error) } satisfies FromThread)
  }
}

function describe(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, stack } = error
  const plain = { message, ...(stack !== undefined && { stack }) }
  return error instanceof BackupError ? { ...plain, code: error.code, subject: error.subject } : plain
}
