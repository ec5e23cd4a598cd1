// Sizes, times and counts as people read and write them.
import { BackupError } from '../base/errors.ts'
import { timespecToMs, type Timespec } from '../base/time.ts'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.4 GiB`; three significant digits. */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** `1,234,567`. Not by `toLocaleString`, whose first call takes ten milliseconds to load what it knows of languages. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `3 files`; `plural` when adding an s is not enough. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`
}

/** `0:07`, `12:34`, `3:04:05`, `2 d 3 h` */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds >= 2 * 86_400) return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** `2026-11-21 08:03:11` in the time zone of the process; for years beyond what a calendar shows, seconds since 1970. */
export function formatLocalTime(time: Timespec): string {
  const date = new Date(timespecToMs(time))
  if (Number.isNaN(date.getTime())) return `@${time.sec}`
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** RFC 3339 in UTC with nanoseconds, as in JSON output; `@seconds` for years that RFC 3339 cannot say. */
export function formatUtcTime(time: Timespec): string {
  const date = new Date(time.sec * 1000)
  const nanoseconds = String(time.nsec).padStart(9, '0')
  if (Number.isNaN(date.getTime())) return `@${time.sec}.${nanoseconds}`
  const text = date.toISOString()
  return text.length === 24 ? `${text.slice(0, 19)}.${nanoseconds}Z` : `@${time.sec}.${nanoseconds}`
}

/** `drwxr-xr-x` */
export function formatMode(kind: string, mode: number): string {
  const letters: Record<string, string> = {
    directory: 'd',
    symlink: 'l',
    fifo: 'p',
    socket: 's',
    char: 'c',
    block: 'b',
  }
  const bits = [...'rwxrwxrwx'].map((letter, at) => (mode & (0o400 >> at) ? letter : '-'))
  const special = (at: number, bit: number, on: string) => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === '-' ? on.toUpperCase() : on
  }
  special(2, 0o4000, 's')
  special(5, 0o2000, 's')
  special(8, 0o1000, 't')
  return (letters[kind] ?? '-') + bits.join('')
}

/** Bytes of `500`, `10k`, `1.5G`, `2 GiB`; units are powers of 1024. Throws `usage`. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim())
  const size = match === null ? Number.NaN : Number(match[1]) * 1024 ** ' kmgtp'.indexOf(match[2]!.toLowerCase() || ' ')
  if (!Number.isSafeInteger(Math.round(size))) {
    throw new BackupError('usage', 'not a size', text, { hint: 'write a number of bytes, or one with K, M, G or T' })
  }
  return Math.round(size)
}

/** Bytes a second, as a size: at least 1 KiB. Throws `usage`. */
export function parseRate(text: string): number {
  const rate = parseSize(text)
  if (rate >= 1024) return rate
  throw new BackupError('usage', 'too slow to come to an end', text, { hint: 'write at least 1K, such as 20M' })
}

/** A share from `5%`, `0.5 %` or `12.5`: above 0, at most 100 percent; the result is between 0 and 1. Throws `usage`. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim())
  const percent = match === null ? Number.NaN : Number(match[1])
  if (!(percent > 0 && percent <= 100)) {
    throw new BackupError('usage', 'not a share', text, { hint: 'write a percentage such as 5%' })
  }
  return percent / 100
}

/** `none`, or a share that is at least a tenth of a percent: parity is counted in those. Throws `usage`. */
export function parseParity(text: string): number {
  if (text === 'none') return 0
  const share = Math.round(parseShare(text) * 1000) / 1000
  if (share > 0) return share
  throw new BackupError('usage', 'too little to be of use', text, { hint: 'write at least 0.1%, or none' })
}

/** As `parseShare`, and 0%. */
export function parseShareOrNone(text: string): number {
  return /^0+(\.0+)?\s*%?$/.test(text.trim()) ? 0 : parseShare(text)
}

const AGO_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 7 * 86_400, y: 365 * 86_400 }

/** Milliseconds of `12h`, `30d`, `4w`, `1y`. Throws `usage`. */
export function parsePeriod(text: string): number {
  const match = /^([1-9]\d{0,5})([smhdwy])$/.exec(text)
  if (match !== null) return Number(match[1]) * AGO_SECONDS[match[2]!]! * 1000
  throw new BackupError('usage', 'not a period', text, { hint: 'write a number and a unit, such as 30d, 4w or 12h' })
}

/** Milliseconds since 1970 of `2026-11-21`, `2026-11-21 08:30` (local time), RFC 3339, or so long ago: `90m`, `7d`, `2w`. */
export function parseWhen(text: string, nowMs: number): number {
  const ago = /^(\d+)([smhdwy])$/.exec(text)
  if (ago !== null) return nowMs - Number(ago[1]) * AGO_SECONDS[ago[2]!]! * 1000
  const date = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00`) : new Date(text.replace(' ', 'T'))
  if (!/^\d{4}-\d\d/.test(text) || Number.isNaN(date.getTime())) {
    throw new BackupError('usage', 'not a time', text, {
      hint: 'write 2026-11-21, 2026-11-21 08:30, or 7d for seven days ago',
    })
  }
  return date.getTime()
}

const AHEAD = /^(\d+)([hdwmy])$/

/**
 * Milliseconds since 1970 of a date, as for `parseWhen`, or of so long from now: `12h`, `90d`, `6m`, `10y` (calendar months,
 * years). Throws `usage`.
 */
export function parseUntil(text: string, nowMs: number): number {
  const ahead = AHEAD.exec(text)
  if (ahead === null) {
    // What `parseWhen` takes for so long ago is meant to come.
    if (/^\d{4}-\d\d/.test(text)) return parseWhen(text, nowMs)
    throw new BackupError('usage', 'not a time', text, {
      hint: 'write 2030-01-31, 2030-01-31 08:30, or 90d, 6m, 10y for so long from now',
    })
  }
  const date = new Date(nowMs)
  const count = Number(ahead[1])
  if (ahead[2] === 'h') date.setTime(nowMs + count * 3_600_000)
  else if (ahead[2] === 'y') date.setUTCFullYear(date.getUTCFullYear() + count)
  else if (ahead[2] === 'm') date.setUTCMonth(date.getUTCMonth() + count)
  else date.setUTCDate(date.getUTCDate() + count * (ahead[2] === 'w' ? 7 : 1))
  if (!Number.isNaN(date.getTime())) return date.getTime()
  throw new BackupError('usage', 'a time beyond the calendar', text)
}
