import { timespecToNs } from '../../base/time.ts'
import type { Timespec } from '../../base/time.ts'
import { posixSupport } from '../../posix/libc.ts'

/** Node's own calls take times as seconds in a double, which has about 0.25 microseconds at these values. */
const TOLERANCE_NS = 2000n

/** Whether a file has the time that it was given; without native calls it can only be given nearly. */
export function sameFileTime(a: Timespec, b: Timespec): boolean {
  if (a.sec === b.sec && a.nsec === b.nsec) return true
  if (posixSupport().full) return false
  const difference = timespecToNs(a) - timespecToNs(b)
  return difference < TOLERANCE_NS && difference > -TOLERANCE_NS
}
