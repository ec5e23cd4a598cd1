// Objects that are overwritten where they lie before they are gone.
import assert from 'node:assert/strict'
import { linkSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFsStore } from '../../src/store/fs-store.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('an object in a folder is overwritten before it is removed, and nothing else is', async (t) => {
  const folder = tempFolder(t, 'shred')
  const store = await openFsStore(join(folder, 'store'), { create: true })
  for (const [name, size] of [
    [`keys/${'a'.repeat(64)}`, 300],
    [`keys/${'b'.repeat(64)}`, 3 * 1024 * 1024 + 17],
    [`keys/${'c'.repeat(64)}`, 0],
  ] as const) {
    const bytes = new Uint8Array(size).fill(0x61)
    await store.put(name, [bytes])
    await store.put(`${name.slice(0, -1)}d`, [bytes])
    // Another name for the same place on the disk, to see what becomes of it.
    const witness = join(folder, `witness-${size}`)
    linkSync(join(store.location, name), witness)
    assert.equal(await store.shred(name), true)
    assert.equal(await store.stat(name), null)
    const left = readFileSync(witness)
    assert.equal(left.length, size)
    assert.ok(size === 0 || left.filter((byte) => byte === 0x61).length < size / 20)
    assert.deepEqual(await store.get(`${name.slice(0, -1)}d`), bytes)
    assert.equal(await store.shred(name), false)
  }
  assert.deepEqual(readdirSync(join(store.location, 'tmp')), [])
  await assert.rejects(store.shred('../outside'), { code: 'usage' })
})
