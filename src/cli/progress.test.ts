import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ProgressEvent } from '../ops/events.ts'
import { utf8 } from '../base/bytes.ts'
import { textWidth } from './escape.ts'
import { ProgressLine, progressText, RateMeter } from './progress.ts'

const MIB = 1024 * 1024
const event: ProgressEvent = {
  type: 'progress',
  phase: 'backing up',
  filesDone: 1_234,
  filesTotal: 80_000,
  bytesDone: 300 * MIB,
  bytesTotal: 1200 * MIB,
  current: utf8('/usr/src/linux/drivers/net/ethernet/intel/e1000e/netdev.c'),
}
const rate = { bytesPerSecond: 100 * MIB, measuredMs: 5000 }

test('the line says how far, how fast, how long still and where', () => {
  assert.equal(
    progressText(event, rate, 140),
    'backing up  1,234/80,000 files  300 MiB/1.17 GiB  25%  100 MiB/s  0:09 left  /usr/src/linux/drivers/net/ethernet/intel/e1000e/netdev.c',
  )
})

test('the line never gets wider than the terminal', () => {
  for (let width = 1; width < 160; width++) {
    const text = progressText({ ...event, current: utf8('/日本/語/ファイル') }, rate, width)
    assert(textWidth(text) <= width, `${width}: ${text}`)
  }
})

test('a remaining time is not guessed too early nor without a total', () => {
  assert.doesNotMatch(progressText(event, { ...rate, measuredMs: 500 }, 140), /left/)
  assert.doesNotMatch(progressText({ ...event, bytesTotal: undefined }, rate, 140), /left|%/)
})

test('a current file cannot talk to the terminal', () => {
  assert.match(progressText({ ...event, current: utf8('/a\x1b[2Jb\n') }, rate, 140), /\/a\\e\[2Jb\\n$/)
})

test('the rate is that of the last seconds and falls when nothing comes', () => {
  const meter = new RateMeter()
  for (let second = 0; second <= 20; second++) meter.add(second * 1000, second < 10 ? 0 : (second - 10) * MIB)
  assert.equal(meter.at(20_000).bytesPerSecond, MIB)
  assert(meter.at(60_000).bytesPerSecond < 0.3 * MIB)
  meter.reset()
  assert.equal(meter.at(60_000).bytesPerSecond, 0)
})

test('at most ten redraws a second, and the cursor comes back', () => {
  const written: string[] = []
  let now = 0
  const line = new ProgressLine(
    { write: (text) => written.push(text), columns: 60 },
    { now: () => 0, monotonic: () => now, sleep: () => Promise.resolve() },
  )
  for (; now < 1000; now += 5) line.update({ ...event, bytesDone: now * MIB })
  assert(written.length <= 10, `${written.length} redraws`)
  assert(written.every((text) => textWidth(stripVTControlCharacters(text).replace('\r', '')) < 60))
  line.finish()
  assert.equal(written[0]!.startsWith('\x1b[?25l'), true)
  assert.equal(written.at(-1), '\r\x1b[K\x1b[?25h')
  const count = written.length
  line.finish()
  assert.equal(written.length, count, 'finishing twice writes nothing')
})

test('other output goes where the line was', () => {
  const written: string[] = []
  const line = new ProgressLine(
    { write: (text) => written.push(text) },
    { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
  )
  line.update(event)
  line.clear()
  assert.equal(written.at(-1), '\r\x1b[K\x1b[?25h')
  line.update(event)
  assert.match(written.at(-1)!, /backing up/)
  line.finish()
})
