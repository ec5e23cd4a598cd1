import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BackupError } from '../base/errors.ts'
import {
  counted,
  formatCount,
  formatDuration,
  formatMode,
  formatSize,
  formatUtcTime,
  parseShare,
  parseSize,
  parseUntil,
} from './units.ts'

test('sizes have three digits and change their unit where the next one reads better', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1.00 KiB'],
    [10 * 1024, '10.0 KiB'],
    [1023 * 1024, '1.00 MiB'],
    [1536 * 1024 * 1024, '1.50 GiB'],
    [2 ** 60, '1024 PiB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text)
})

test('a size is at most eight characters wide up to a thousand petabytes', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => formatSize(bytes).length <= 8))
})

test('counts have a comma at every third digit', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (count) => formatCount(count) === count.toLocaleString('en-US')))
})

test('sizes are read with and without units', () => {
  const cases: [string, number][] = [
    ['0', 0],
    ['500', 500],
    ['10k', 10_240],
    ['1.5G', 1.5 * 2 ** 30],
    ['2 GiB', 2 * 2 ** 30],
    ['3MB', 3 * 2 ** 20],
  ]
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes)
  for (const text of ['', 'k', '-1', '1x', '1e9', '99999999999P'])
    assert.throws(() => parseSize(text), BackupError, text)
})

test('shares are above nothing and at most everything', () => {
  assert.equal(parseShare('5%'), 0.05)
  assert.equal(parseShare('12.5'), 0.125)
  assert.equal(parseShare('100 %'), 1)
  for (const text of ['0', '0%', '101%', '-5%', '', 'half']) assert.throws(() => parseShare(text), BackupError, text)
})

test('durations read like a clock', () => {
  const cases: [number, string][] = [
    [0, '0:00'],
    [7_400, '0:07'],
    [754_000, '12:34'],
    [11_045_000, '3:04:05'],
    [5 * 86_400_000 + 3 * 3_600_000, '5 d 3 h'],
  ]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})

test('times keep their nanoseconds, also before 1970 and beyond the calendar', () => {
  assert.equal(formatUtcTime({ sec: 0, nsec: 1 }), '1970-01-01T00:00:00.000000001Z')
  assert.equal(formatUtcTime({ sec: -1, nsec: 999_999_999 }), '1969-12-31T23:59:59.999999999Z')
  assert.equal(formatUtcTime({ sec: 253_402_300_800, nsec: 0 }), '@253402300800.000000000')
  assert.equal(formatUtcTime({ sec: 2 ** 52, nsec: 5 }), '@4503599627370496.000000005')
})

test('modes look as in ls -l', () => {
  assert.equal(formatMode('directory', 0o755), 'drwxr-xr-x')
  assert.equal(formatMode('file', 0o4755), '-rwsr-xr-x')
  assert.equal(formatMode('file', 0o6644), '-rwSr-Sr--')
  assert.equal(formatMode('directory', 0o1777), 'drwxrwxrwt')
  assert.equal(formatMode('block', 0o1660), 'brw-rw---T')
})

test('one is singular', () => {
  assert.equal(counted(1, 'file'), '1 file')
  assert.equal(counted(1_234, 'directory', 'directories'), '1,234 directories')
})

test('a time to come is a date or so long from now, never so long ago', () => {
  const now = Date.UTC(2026, 10, 21, 12)
  const utc = (text: string) => new Date(parseUntil(text, now)).toISOString().slice(0, 16)
  assert.deepEqual(['12h', '90d', '2w', '6m', '10y'].map(utc), [
    '2026-11-22T00:00',
    '2027-02-19T12:00',
    '2026-12-05T12:00',
    '2027-05-21T12:00',
    '2036-11-21T12:00',
  ])
  assert.equal(utc('2030-01-31T00:00Z'), '2030-01-31T00:00')
  for (const wrong of ['30s', 'tomorrow', '', '-1d']) {
    assert.throws(() => parseUntil(wrong, now), { code: 'usage', hint: /from now/ }, wrong)
  }
})
