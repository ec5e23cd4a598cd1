import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { hashCases } from '../../test/support/hash-cases.ts'
import { hashingIsNative, initHashing } from './hash.ts'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@napi-rs/blake-hash') throw new Error('no native binding for this platform')
    return next(specifier, context)
  },
})

test('without the native module hashing still works, and says that it is slower', async () => {
  await initHashing()
  assert.equal(hashingIsNative(), false)
})

hashCases()
