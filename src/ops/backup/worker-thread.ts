// A worker thread of the backup pipeline: a ChunkWorker behind messages.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { BackupError } from '../../base/errors.ts'
import { initHashing } from '../../crypto/hash.ts'
import { ChunkWorker } from './chunk-worker.ts'
import { BlockCredit } from './block-credit.ts'
import type { FromThread, ThreadError, ThreadSetup, ToThread } from './executor.ts'
import type { SealedBlock } from './jobs.ts'
import { posixFileReader } from './posix-file-reader.ts'

assert(parentPort !== null, 'worker-thread.ts runs as a worker thread')
const port = parentPort

await initHashing()
const setup = workerData as ThreadSetup
const credit = new BlockCredit(setup.credit)
const worker = new ChunkWorker(setup, posixFileReader, (blocks) => {
  const bytes = blocks.reduce((sum, { sealed }) => sum + sealed.byteLength, 0)
  credit.take(bytes)
  port.postMessage({ kind: 'blocks', blocks, bytes } satisfies FromThread, memoryOf(blocks))
})

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'stop':
      port.close()
      return
    case 'index':
      worker.attachIndex(message.handle)
      return
    case 'level':
      worker.compressAt(message.level)
      return
    case 'job':
      answer(message.id, message.job)
  }
})
// A job that does not arrive whole would be waited for without end: the thread dies of it, and is missed.
port.on('messageerror', (error) => {
  throw error
})
// Native modules are loaded from here on; a thread that is stopped while it loads them takes the process with it.
port.postMessage({ kind: 'ready' } satisfies FromThread)

function answer(id: number, job: Parameters<ChunkWorker['run']>[0]): void {
  try {
    const result = worker.run(job)
    const known = (result.known ?? []).map(({ bytes }) => bytes.buffer as ArrayBuffer)
    port.postMessage({ kind: 'done', id, result } satisfies FromThread, [...memoryOf(result.blocks), ...known])
  } catch (error) {
    port.postMessage({ kind: 'failed', id, error: describe(error) } satisfies FromThread)
  }
}

/** Sealed bytes are moved, not copied. */
function memoryOf(blocks: readonly SealedBlock[]): ArrayBuffer[] {
  return blocks.map(({ sealed }) => sealed.buffer as ArrayBuffer)
}

function describe(error: unknown): ThreadError {
  if (error instanceof BackupError) {
    const { code, subject, hint, message } = error
    return { code, subject, message, ...(hint !== undefined && { hint }) }
  }
  if (!(error instanceof Error)) return { message: String(error) }
  return { message: error.message, ...(error.stack !== undefined && { stack: error.stack }) }
}
