// A worker thread of a prune: a NodeScanner behind messages.
import { workerData } from 'node:worker_threads'
import { initHashing } from '../../crypto/hash.ts'
import { serveJobs } from '../thread-pool.ts'
import { NodeScanner } from './node-scan.ts'
import type { ScanJob, ScanSetup } from './node-scan.ts'

await initHashing()
const scanner = new NodeScanner(workerData as ScanSetup)
serveJobs((job: ScanJob) => scanner.scan(job))
