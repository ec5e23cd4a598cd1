import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError } from '../../base/errors.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { unlessGone } from './gone-object.ts'

const notFound = () => Promise.reject(new BackupError('not-found', 'no such object', 'gc/01'))

test('an object that is no longer listed is gone', async () => {
  const store = new MemoryStore()
  await store.put('gc/012', [new Uint8Array(1)])
  assert.equal(await unlessGone(store, 'gc/01', notFound), undefined)
})

test('an object that is listed and cannot be had is an error, as is any other failure', async () => {
  const store = new MemoryStore()
  await store.put('gc/01', [new Uint8Array(1)])
  await assert.rejects(unlessGone(store, 'gc/01', notFound), { code: 'not-found' })
  const damaged = () => Promise.reject(new BackupError('corrupt', 'damaged', 'gc/02'))
  await assert.rejects(unlessGone(store, 'gc/02', damaged), { code: 'corrupt' })
  assert.equal(await unlessGone(store, 'gc/01', () => store.get('gc/01').then((bytes) => bytes.length)), 1)
})
