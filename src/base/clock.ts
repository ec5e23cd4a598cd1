import { setTimeout } from 'node:timers/promises'

/** Time as an argument, so that a failing run replays from its seed. */
export interface Clock {
  /** Milliseconds since 1970; for records that people read, never for safety. */
  now(): number
  /** Milliseconds that only grow; for rates and durations. */
  monotonic(): number
  /** Resolves when so many milliseconds have passed. */
  sleep(ms: number): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => setTimeout(ms),
}

/** Does something again and again, whatever else goes on; what it gives ends that. */
export type Every = (ms: number, step: () => void) => () => void

/** Keeps no process alive. */
export const systemEvery: Every = (ms, step) => {
  const timer = setInterval(step, ms).unref()
  return () => clearInterval(timer)
}
