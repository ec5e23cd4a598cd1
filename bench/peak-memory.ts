// Peak memory of a process and all its descendants, from /proc. Linux keeps the peak of each process (VmHWM), so what
// happens between two looks is not lost; only a process that lives shorter than the interval can be missed.
import { readdirSync, readFileSync } from 'node:fs'

const INTERVAL_MS = 25 // a look takes about 0.1 ms

export class PeakMemory {
  readonly #root: number
  readonly #timer: NodeJS.Timeout
  /** Bytes; undefined while no process was seen. */
  peak: number | undefined

  /** `root` itself, the shell that measures, does not count. */
  constructor(root: number) {
    this.#root = root
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    let sum = 0
    for (const pid of childrenOf(this.#root)) sum += peakOf(pid)
    if (sum > 0) this.peak = Math.max(this.peak ?? 0, sum)
  }
}

/** All descendants that live now. */
function childrenOf(pid: number): number[] {
  const found: number[] = []
  for (const thread of list(`/proc/${pid}/task`)) {
    for (const child of read(`/proc/${pid}/task/${thread}/children`).split(' ')) {
      if (child !== '') found.push(Number(child), ...childrenOf(Number(child)))
    }
  }
  return found
}

/** Bytes this process had resident at most; 0 when it has ended. */
function peakOf(pid: number): number {
  const match = /^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))
  return match === null ? 0 : Number(match[1]) * 1024
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return [] // the process has ended
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // the process has ended
  }
}
