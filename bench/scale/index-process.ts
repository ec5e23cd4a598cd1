// One measurement of the index at scale, in a process of its own so that its peak of memory is its own:
//   index-process.ts make|look|table BLOBS FOLDER
// Prints JSON.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from '../../src/base/assert.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { SEGMENT_BLOBS_MAX } from '../../src/format/index-segment.ts'
import { indexName } from '../../src/format/names.ts'
import { LoadedIndex } from '../../src/repo/index/loaded-index.ts'
import { LocalIndex } from '../../src/repo/index/local-index.ts'
import { locatorsOf, madeBytes, madeSegment, segmentsFor } from './made-segments.ts'

/** Lookups of blobs that are there in an order of their own, each of which reads and opens pages. */
const SCATTERED = 1000
/** Segments whose blobs are looked up in the order in which they were stored. */
const IN_ORDER = 15
/** Lookups of blobs that are not there. */
const ABSENT = 2_000_000
/** Numbers of segments that are not in the index. */
const OTHERS = 0x4000_0000

class Timer {
  #steps = 0
  #ms = 0

  run(steps: number, work: () => void): void {
    const began = performance.now()
    work()
    this.#steps += steps
    this.#ms += performance.now() - began
  }

  /** Steps each second. */
  get rate(): number {
    return Math.round((this.#steps / this.#ms) * 1000)
  }
}

const [what, count, folder] = process.argv.slice(2) as [string, string, string]
await initHashing()
const numbers = Array.from({ length: segmentsFor(Number(count)) }, (_, i) => i)
const names = numbers.map((i) => indexName(madeBytes(0xf000_0000 + i, 32)))
const sid = new Uint8Array(16)
const measured: Record<string, number> = { blobs: numbers.length * SEGMENT_BLOBS_MAX }

if (what === 'make') await time('seconds', () => bring())
else if (what === 'look') look(await time('seconds', () => loadFiled()))
else look(await time('seconds', async () => loadTable()))
measured['peakBytes'] = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024
measured['bytes'] = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
console.log(JSON.stringify(measured))

async function bring() {
  const local = new LocalIndex(
    // The smallest would lie in memory alone.
    { places: [{ folder, kept: true }], tableBlobsMax: 0, onProblem: (problem) => assert(false, String(problem)) },
    { repoId: new Uint8Array(16), domainId: new Uint8Array(8), localKey: new Uint8Array(32), suite: 1 },
  )
  const listed = names.map((name) => ({ name, size: SEGMENT_BLOBS_MAX * 28 + 10_000 }))
  const byName = new Map(names.map((name, i) => [name, i]))
  return local.bring(listed, async (name) => ({ ...madeSegment(byName.get(name)!, sid), wid: '0'.repeat(32) }))
}

async function loadFiled(): Promise<LoadedIndex> {
  const filed = (await bring())!
  const index = new LoadedIndex(0, filed)
  for (let number = 0; number < filed.coverage.packs.count; number++) index.countFiled(number)
  return index
}

function loadTable(): LoadedIndex {
  const index = new LoadedIndex(Number(count))
  for (const i of numbers) for (const pack of madeSegment(i, sid).packs) index.addPack(pack, [sid])
  return index
}

function look({ blobs }: LoadedIndex): void {
  const timers = { absent: new Timer(), inOrder: new Timer(), scattered: new Timer() }
  for (let i = 0; i < ABSENT / SEGMENT_BLOBS_MAX; i++) {
    const locs = locatorsOf(OTHERS + i)
    timers.absent.run(SEGMENT_BLOBS_MAX, () => {
      for (let at = 0; at < locs.length; at += LOCATOR_SIZE) assert(!blobs.has(locs, at), 'it is new')
    })
  }
  const step = Math.max(1, Math.floor(numbers.length / IN_ORDER))
  for (let i = 0; i < numbers.length; i += step) {
    const locs = locatorsOf(i)
    timers.inOrder.run(SEGMENT_BLOBS_MAX, () => {
      for (let at = 0; at < locs.length; at += LOCATOR_SIZE) assert(blobs.has(locs, at), 'it is there')
    })
    timers.scattered.run(SCATTERED, () => {
      for (let n = 0; n < SCATTERED; n++) {
        // From end to end of the segment, and never twice in a block that was just looked at.
        const at = ((n * 7919) % SEGMENT_BLOBS_MAX) * LOCATOR_SIZE
        assert(blobs.has(locs, at), 'it is there')
      }
    })
  }
  for (const [name, timer] of Object.entries(timers)) measured[name] = timer.rate
}

async function time<T>(name: string, step: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const made = await step()
  measured[name] = (performance.now() - began) / 1000
  return made
}
