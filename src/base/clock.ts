/** Time as an argument, so that a failing run replays from its seed. */
export interface Clock {
  /** Milliseconds since 1970; for records that people read, never for safety. */
  now(): number
  /** Milliseconds that only grow; for rates and durations. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
