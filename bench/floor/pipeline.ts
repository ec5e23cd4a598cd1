// What a backup cannot be faster than: read, hash, compress, encrypt and write all content, on all processors, with
// nothing known of deduplication, metadata or safety. Stands alone on purpose: it uses nothing of src/.
//   node bench/floor/pipeline.ts SOURCE TARGET_FOLDER [ZSTD_LEVEL]
import { lstatSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Stretches of files that are compressed together. */
export interface Job {
  readonly parts: readonly { path: string; offset: number; length: number }[]
}

export const BUNDLE = 2 * 1024 * 1024
const LARGE = 1024 * 1024 // longer files are cut into pieces of this size

function main(source: string, target: string, level: number): void {
  const workers = Array.from(
    { length: availableParallelism() },
    (_, i) =>
      new Worker(new URL('pipeline-worker.ts', import.meta.url), {
        workerData: { target: join(target, String(i)), level },
      }),
  )
  let next = 0
  for (const job of jobs(files(source))) workers[next++ % workers.length]!.postMessage(job)
  for (const worker of workers) worker.postMessage(null)
}

function* jobs(all: Iterable<{ path: string; size: number }>): Generator<Job> {
  let parts: { path: string; offset: number; length: number }[] = []
  let bytes = 0
  for (const { path, size } of all) {
    for (let offset = 0; offset < size; offset += LARGE) {
      const length = Math.min(LARGE, size - offset)
      if (bytes + length > BUNDLE) {
        yield { parts }
        parts = []
        bytes = 0
      }
      parts.push({ path, offset, length })
      bytes += length
    }
  }
  yield { parts }
}

function* files(path: string): Generator<{ path: string; size: number }> {
  const stat = lstatSync(path)
  if (stat.isFile()) yield { path, size: stat.size }
  if (stat.isDirectory()) for (const name of readdirSync(path)) yield* files(join(path, name))
}

if (import.meta.main) {
  const [source, target, level = '3'] = process.argv.slice(2)
  main(source!, target!, Number(level))
}
