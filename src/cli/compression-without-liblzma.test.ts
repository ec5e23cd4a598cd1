import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { parseCompression } from './compression.ts'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'koffi' || specifier === 'lz4-napi') throw new Error('no native binding for this platform')
    return next(specifier, context)
  },
})

test('a method whose library is missing is refused before anything is read, with what to do', () => {
  assert.throws(() => parseCompression(['xz=*.log']), { code: 'unsupported', hint: /install it .* or choose zstd:19/ })
  assert.throws(() => parseCompression(['lz4']), { code: 'unsupported', message: /cannot be loaded/ })
  assert.deepEqual(parseCompression(['zstd:19']).method, { name: 'zstd', level: 19 })
})
