/**
 * A point in time as file systems keep it. `sec` may be negative (before 1970); `nsec` is 0 to 999,999,999 and counts
 * forward from `sec` also then.
 */
export interface Timespec {
  readonly sec: number
  readonly nsec: number
}

export function sameTime(a: Timespec, b: Timespec): boolean {
  return a.sec === b.sec && a.nsec === b.nsec
}

export function timespecFromNs(ns: bigint): Timespec {
  const sec = ns / 1_000_000_000n
  const nsec = ns % 1_000_000_000n
  return nsec < 0n
    ? { sec: Number(sec) - 1, nsec: Number(nsec + 1_000_000_000n) }
    : { sec: Number(sec), nsec: Number(nsec) }
}

export function timespecToNs(t: Timespec): bigint {
  return BigInt(t.sec) * 1_000_000_000n + BigInt(t.nsec)
}

export function timespecFromMs(ms: number): Timespec {
  const sec = Math.floor(ms / 1000)
  return { sec, nsec: Math.round((ms - sec * 1000) * 1e6) }
}

export function timespecToMs(t: Timespec): number {
  return t.sec * 1000 + t.nsec / 1e6
}
