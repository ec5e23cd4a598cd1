// The thread of a walk (threaded-walk.ts): walks, and sends what it finds a stretch at a time. It waits when it is too far
// ahead of who takes it.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { systemClock } from '../base/clock.ts'
import { readExtras } from './attributes.ts'
import { rulesFromMessage, SourceRules } from './rules.ts'
import { ACKNOWLEDGED, STOPPED, type FromWalkThread, type WalkSetup } from './threaded-walk.ts'
import { TreeWalker } from './walk.ts'
import { WalkRecorder } from './walk-columns.ts'
import type { WalkStep } from './walk.ts'

/** A stretch is sent when it has this many steps or is this old: a few milliseconds of work for who takes it. */
const STRETCH_STEPS = 1024
const STRETCH_MS = 20
/** Entries of one step of the walker. */
const BATCH_SIZE = 256
/** Stretches that may be under way. */
const AHEAD_MAX = 16

assert(parentPort !== null, 'walk-thread.ts runs as a worker thread')
const port = parentPort
const { sources, avoid, tellExcluded, state } = workerData as WalkSetup
const recorder = new WalkRecorder(STRETCH_STEPS + BATCH_SIZE)
const walker = new TreeWalker({
  sources: sources.map(({ path, rules }) => ({ path, rules: new SourceRules(rulesFromMessage(rules)) })),
  avoid,
  batchSize: BATCH_SIZE,
  report: (problem) => recorder.problem(problem),
  ...(tellExcluded && { excluded: (directory, name) => recorder.excluded(directory.path(name)) }),
})
let sent = 0
let begun = systemClock.monotonic()
try {
  for (let step = walker.next(); step !== null && Atomics.load(state, STOPPED) === 0; step = walker.next()) {
    record(step)
    if (recorder.size >= STRETCH_STEPS || systemClock.monotonic() - begun >= STRETCH_MS) send()
  }
  send()
  port.postMessage({ kind: 'end' } satisfies FromWalkThread)
} finally {
  walker.close()
}

function record(step: WalkStep): void {
  if (step.kind === 'busy') return
  const { directory } = step
  // The top is no directory of the file system; its entries are the sources, told as such.
  if (directory.depth === 0 && step.kind !== 'entries') return
  if (step.kind === 'leave') recorder.leave(step.complete)
  else if (step.kind === 'enter') {
    const { parent, name, stat, key } = directory
    const place = { dirFd: parent!.fd, name, ...(directory.isOpen && { fd: directory.fd }) }
    recorder.enter(key, stat!, readExtras(place, stat!))
  } else {
    for (const { name, key, stat } of step.entries) {
      if (stat.kind === 'file') recorder.file(key, stat)
      // Directories are told of when they are entered, in the next step.
      else if (stat.kind !== 'directory') recorder.other(key, stat, readExtras({ dirFd: directory.fd, name }, stat))
    }
  }
}

function send(): void {
  begun = systemClock.monotonic()
  if (recorder.size === 0) return
  for (;;) {
    const acknowledged = Atomics.load(state, ACKNOWLEDGED)
    if (sent - acknowledged < AHEAD_MAX || Atomics.load(state, STOPPED) !== 0) break
    Atomics.wait(state, ACKNOWLEDGED, acknowledged)
  }
  const columns = recorder.take()
  sent++
  begun = systemClock.monotonic()
  port.postMessage({ kind: 'steps', columns } satisfies FromWalkThread, [
    columns.stats.buffer as ArrayBuffer,
    columns.nameEnds.buffer as ArrayBuffer,
  ])
}
