// A worker thread of a check: a PackVerifier behind messages.
import { workerData } from 'node:worker_threads'
import { initHashing } from '../../crypto/hash.ts'
import { serveJobs } from '../thread-pool.ts'
import { PackVerifier } from './pack-verifier.ts'
import type { PackJob, VerifierSetup } from './pack-verifier.ts'

await initHashing()
const verifier = new PackVerifier(workerData as VerifierSetup)
serveJobs((job: PackJob) => verifier.verify(job))
