// A worker thread of a restore: a BatchWorker behind messages.
import { workerData } from 'node:worker_threads'
import { initHashing } from '../../crypto/hash.ts'
import { loadPosix } from '../../posix/libc.ts'
import { serveJobs } from '../thread-pool.ts'
import type { WriterSetup } from './batch.ts'
import { BatchWorker } from './batch-worker.ts'
import type { Job } from './executor.ts'

await initHashing()
loadPosix()
const worker = new BatchWorker(workerData as WriterSetup)
serveJobs((job: Job) => (job.kind === 'write' ? worker.run(job.batch) : worker.compare(job.job)))
