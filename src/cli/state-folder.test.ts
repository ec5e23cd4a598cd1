import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError } from '../base/errors.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-state-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'holdfast')
}

test('what was written is read back by another process, and by no other user', async (t) => {
  const folder = scratch(t)
  assert.equal(await openStateFolder(folder).read('writer-1'), null)
  await openStateFolder(folder).write('writer-1', new Uint8Array([1, 2]))
  await openStateFolder(folder).write('writer-1', new Uint8Array([3]))
  assert.deepEqual(await openStateFolder(folder).read('writer-1'), new Uint8Array([3]))
  assert.deepEqual(readdirSync(folder), ['writer-1'])
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, 'writer-1')).mode & 0o777, 0o600)
})

test('exclusive steps do not overlap, also after one that failed', async (t) => {
  const folder = scratch(t)
  let inside = 0
  const step = (fails: boolean) =>
    openStateFolder(folder).exclusive('heads', async () => {
      assert.equal(++inside, 1)
      await sleep(5)
      inside--
      if (fails) throw new Error('on purpose')
    })
  const results = await Promise.allSettled([step(false), step(true), step(false)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('a state folder that cannot be made is an error that names it', { timeout: 10_000 }, async (t) => {
  const folder = scratch(t)
  mkdirSync(folder)
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('/nowhere/at/all', join(folder, 'link'))
  const places = [join(folder, 'file/below'), join(folder, 'link/below')]
  if (existsSync('/proc/self')) places.push('/proc/nobody/.local/state')
  for (const place of places) {
    const state = openStateFolder(place)
    const expected = (error: unknown) => error instanceof BackupError && error.message.includes(place)
    await assert.rejects(state.write('writer-1', new Uint8Array(1)), expected)
    await assert.rejects(
      state.exclusive('heads', async () => {}),
      expected,
    )
  }
})

test('the folder is where XDG says', () => {
  assert.equal(stateFolder({ HOME: '/home/ann' }), '/home/ann/.local/state/holdfast')
  assert.equal(stateFolder({ HOME: '/home/ann', XDG_STATE_HOME: '/s' }), '/s/holdfast')
})
