import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { utf8 } from '../base/bytes.ts'
import { hashCases } from '../../test/support/hash-cases.ts'
import { hash, hashingIsNative, initHashing } from './hash.ts'

test('hashing before it is initialised is a bug with a name', () => {
  assert.throws(() => hash(utf8('abc')), /initHashing/)
})

test('the native module is used where it is installed', async () => {
  await initHashing()
  assert.equal(hashingIsNative(), true)
})

hashCases()

test('every thread hashes on its own', async () => {
  const program = `
    import { parentPort } from 'node:worker_threads'
    import { hash, initHashing } from '${import.meta.resolve('./hash.ts')}'
    await initHashing()
    parentPort.postMessage([hash(new Uint8Array(10)), hash(new Uint8Array(50000))])`
  const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
  const answers = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise((resolve, reject) => {
          new Worker(url).once('message', resolve).once('error', reject)
        }),
    ),
  )
  for (const answer of answers) assert.deepEqual(answer, [hash(new Uint8Array(10)), hash(new Uint8Array(50000))])
})
