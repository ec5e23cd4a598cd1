import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { FsLister } from './fs-lister.ts'
import { openRoot } from './fs-root.ts'

test('a list is the same whether the system answers at once or takes its time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lister-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const root = await openRoot(join(folder, 'repository'), true)
  mkdirSync(join(root.path, 'data', '00'), { recursive: true })
  for (let i = 0; i < 200; i++) writeFileSync(join(root.path, 'data', '00', String(1000 + i)), 'x'.repeat(i))
  const listed = async (msBetweenTwoLooks: number) => {
    let now = 0
    const clock = { ...systemClock, monotonic: () => (now += msBetweenTwoLooks) }
    const { objects } = await new FsLister(root, assert.fail, clock).list('data/', undefined)
    return objects.map(({ name, size }) => [name, size])
  }
  const expected = Array.from({ length: 200 }, (_, i) => [`data/00/${1000 + i}`, i])
  for (const ms of [0, 0.11, 3, 1000]) assert.deepEqual(await listed(ms), expected)
})

test('a list waits in its own thread for two answers of a slow disk, and for a processor that is busy at times', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lister-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const root = await openRoot(join(folder, 'repository'), true)
  mkdirSync(join(root.path, 'data', '00'), { recursive: true })
  for (let i = 0; i < 200; i++) writeFileSync(join(root.path, 'data', '00', String(1000 + i)), '')
  /** How often the clock is looked at: once before, and after each answer that was waited for. */
  const looks = async (msOfAnswer: (answer: number) => number) => {
    let [now, looked] = [0, 0]
    const clock = { ...systemClock, monotonic: () => (now += msOfAnswer(looked++)) }
    await new FsLister(root, assert.fail, clock).list('data/', undefined)
    return looked
  }
  assert.equal(await looks(() => 8), 1 + 2)
  assert.equal(await looks((answer) => (answer % 60 === 1 ? 20 : 0.005)), 1 + 200)
})
