import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireLinux } from '../../test/support/requirements.ts'
import { parseCompression } from './compression.ts'

/** What is said of the default, and each rule as `method size pattern`. */
function said(...texts: string[]): unknown[] {
  const { method, rules } = parseCompression(texts)
  return [method, ...rules.map((rule) => `${JSON.stringify(rule.method)} ${rule.sizeMin} ${rule.pattern.source}`)]
}

test('a method alone is for everything, the last one counts; with a pattern it is a rule', (t) => {
  if (!requireLinux(t)) return
  assert.deepEqual(said(), [undefined])
  assert.deepEqual(said('none=*.jpg', 'zstd:9', 'xz,min=1M=/log/**', 'zstd:-7', 'lz4=a=b'), [
    { name: 'zstd', level: -7 },
    '{"name":"none"} 0 *.jpg',
    '{"name":"xz","level":6} 1048576 /log/**',
    '{"name":"lz4"} 0 a=b',
  ])
  const methods = { none: 'none', lz4: 'lz4', auto: 'auto' } as const
  for (const [text, name] of Object.entries(methods)) assert.deepEqual(said(text), [{ name }])
  assert.deepEqual(said('zstd'), [{ name: 'zstd', level: 3 }])
  assert.deepEqual(said('zstd:19'), [{ name: 'zstd', level: 19 }])
  assert.deepEqual(said('xz:0'), [{ name: 'xz', level: 0 }])
})

test('a bare number is a level of zstd, and 0 stores', () => {
  assert.deepEqual(said('7'), [{ name: 'zstd', level: 7 }])
  assert.deepEqual(said('0'), [{ name: 'none' }])
})

test('what cannot be meant is refused with what is wrong with it', () => {
  const wrong: [string, RegExp][] = [
    ['', /methods are none, lz4/],
    ['gzip', /methods are none, lz4/],
    ['zstd:', /methods are none, lz4/],
    ['zstd:20', /between -7 and 19/],
    ['zstd:-8', /between -7 and 19/],
    ['zstd:0', /no level 0/],
    ['xz:10', /between 0 and 9/],
    ['20', /between 1 and 19/],
    ['-3', /methods are/],
    ['lz4:1', /lz4 has no levels/],
    ['auto:3=*', /auto has no levels/],
    ['xz=', /pattern is missing/],
    ['xz,min=1M', /pattern is missing/],
    ['xz,min=1M=', /pattern is missing/],
    ['xz,max=1M=*', /neither a method nor a rule/],
    ['xz,min=much=*', /much/],
    ['=*.log', /methods are/],
    ['xz=!*.log', /takes nothing back/],
    ['xz=/var/log/', /`\/folder\/\*\*`/],
  ]
  for (const [text, why] of wrong) assert.throws(() => parseCompression([text]), { code: 'usage', message: why }, text)
})

test('methods are bounded, since each takes memory', () => {
  const rules = (count: number) => Array.from({ length: count }, (_, i) => `zstd:${i + 1}=*.${i}`)
  assert.equal(parseCompression([...rules(7), ...rules(7)]).rules.length, 14)
  assert.throws(() => parseCompression(rules(8)), { code: 'usage', message: /more than 7 methods/ })
})
