// Dates that a snapshot is given when it is made.
import { BackupError } from '../base/errors.ts'
import { timespecFromMs, timespecToMs } from '../base/time.ts'
import type { Timespec } from '../base/time.ts'
import { parseUntil } from './units.ts'

/** From what people type, for a backup. Throws `usage` when it is to be gone before it may be. */
export function parseDates(
  { keepUntil, destroyBy }: { readonly keepUntil?: string | undefined; readonly destroyBy?: string | undefined },
  nowMs: number,
): { readonly keepUntil?: Timespec; readonly destroyBy?: Timespec } {
  const until = keepUntil === undefined ? undefined : timespecFromMs(parseUntil(keepUntil, nowMs))
  const by = destroyBy === undefined ? undefined : timespecFromMs(parseUntil(destroyBy, nowMs))
  if (until !== undefined && by !== undefined && timespecToMs(by) < timespecToMs(until)) {
    throw new BackupError('usage', 'it must be gone before it may be forgotten', `--destroy-by ${destroyBy}`)
  }
  return { ...(until !== undefined && { keepUntil: until }), ...(by !== undefined && { destroyBy: by }) }
}
