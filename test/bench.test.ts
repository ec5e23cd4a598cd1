import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanEnvironment, display, measure } from '../bench/measure.ts'
import { markdown, summary, type Results } from '../bench/report.ts'
import type { Sample } from '../bench/scenarios.ts'

const RESULTS: Results = {
  date: '2026-01-02',
  machine: { processor: 'test' },
  rounds: 3,
  tools: [
    { id: 'holdfast', version: '1', settings: 'none' },
    { id: 'restic', version: '2', settings: 'none' },
  ],
  floors: [{ id: 'tar', what: 'tar' }],
  dataSets: [],
  commands: {},
  leftOut: [],
  samples: [
    ...samples('first-tree', 'holdfast', [2, 3, 2.5]),
    ...samples('first-tree', 'restic', [10, 9, 30]),
    ...samples('first-tree', 'tar', [0.5, 0.5, 0.5]),
    ...samples('again-tree', 'holdfast', [1, 1, 1]),
    ...samples('again-tree', 'restic', [3, 3, 3]),
    { row: 'size-tree-1', by: 'restic', round: 1, bytes: 2_500_000 },
  ],
}

test('figures are medians, also of an even number of rounds', () => {
  assert.deepEqual(summary(RESULTS.samples, 'first-tree', 'restic', 'seconds'), { median: 10, min: 9, max: 30 })
  assert.equal(summary(samples('x', 'y', [1, 2, 4, 9]), 'x', 'y', 'seconds')?.median, 3)
  assert.equal(summary(RESULTS.samples, 'first-tree', 'borg', 'seconds'), undefined)
})

test('the report gives ratios to Holdfast and says which goals are not reached', () => {
  const text = markdown(RESULTS)
  assert.match(text, /\| first-tree \| 2\.50 s ±20 % \| 10\.00 s ±105 % 4\.00× \| tar 500 ms 0\.20× \|/)
  assert.match(text, /\| first-tree \| time: restic at least 3\.50× \| 4\.00× \| yes \|/)
  assert.match(text, /\| again-tree \| time: restic at least 4\.00× \| 3\.00× \| \*\*no\*\* \|/)
  assert.match(text, /\| size-tree-1 \| {2}\| 2\.5 MB \|/)
})

test('a command is measured with all its children', async () => {
  const busy =
    'const end = Date.now() + 300; const held = Buffer.alloc(5e7, 1); while (Date.now() < end); console.log(held.length)'
  const nested = { program: '/bin/sh', args: ['-c', '"$0" -e "$1"; true', process.execPath, busy] }
  const { seconds, cpuSeconds, peakBytes, stdout } = await measure(nested)
  assert.equal(stdout, '50000000\n')
  assert.ok(seconds >= 0.3 && seconds < 10, `${seconds} s`)
  assert.ok(cpuSeconds > 0.05 && cpuSeconds < 10, `${cpuSeconds} s of processor time`)
  assert.ok(peakBytes !== undefined && peakBytes > 8e7 && peakBytes < 4e8, `${peakBytes} bytes`)
})

test('a command that fails is an error with what it said', async () => {
  await assert.rejects(measure({ program: '/bin/sh', args: ['-c', 'echo sorry >&2; exit 3'] }), /ended with 3\nsorry/)
  await assert.rejects(measure({ program: '/nonexistent/tool', args: [] }), /ended with 127/)
})

test('commands see nothing of the settings of whoever runs the benchmark', async () => {
  process.env['RESTIC_REPOSITORY'] = '/elsewhere'
  const { stdout } = await measure({ program: 'env', args: [], env: cleanEnvironment('/home/of/run') })
  delete process.env['RESTIC_REPOSITORY']
  assert.match(stdout, /^HOME=\/home\/of\/run$/m)
  assert.doesNotMatch(stdout, /RESTIC/)
})

test('command lines are shown so that they can be typed', () => {
  assert.equal(display({ program: 'tar', args: ['cf', '-', 'a b'] }), "tar cf - 'a b'")
})

function samples(row: string, by: string, times: number[]): Sample[] {
  return times.map((seconds, i) => ({ row, by, round: i + 1, seconds }))
}
