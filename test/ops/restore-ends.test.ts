// How a restore ends: verified, stopped, with a full disk, and with files larger than memory should hold.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { OperationEvent } from '../../src/ops/events.ts'
import { reasonsOf } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { missing, requireCommand, requireRoot, withLoopFs } from '../support/requirements.ts'
import { scene, small } from '../support/restore-scene.ts'
import { restored, troublesOf } from '../support/restoring.ts'
import { system, trySystem } from '../support/system.ts'

test('what verification reads is what counts: a file that changed since it was written is named', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  const good = await restored({ repo, root }, source, target, { verify: true })
  assert.equal(good.partial, false)
  assert.ok(good.items.includes(`verified ${join(source, 'sub/b.txt')}`))
  let done = false
  const result = await restored({ repo, root }, source, join(target, 'again'), {
    verify: true,
    onEvent: (event) => {
      if (done || event.type !== 'file' || !Buffer.from(event.path).toString().endsWith('b.txt')) return
      done = true
      // As if the disk had not kept what was written.
      queueMicrotask(() => writeFileSync(join(target, 'again', 'sub', 'b.txt'), 'B'.repeat(5000)))
    },
  })
  assert.deepEqual(troublesOf(result), [`corrupt ${join(source, 'sub/b.txt')}`])
})

test('a restore that is stopped leaves no temporary files and goes on when it is run again', async (t) => {
  const { repo, root, source, target } = await scene(t, (folder) => {
    for (let i = 0; i < 40; i++) writeFileSync(join(folder, `large-${i}`), secureRandom(2_000_000))
  })
  const stop = new AbortController()
  let files = 0
  const stopped = restored({ repo, root }, source, target, {
    threads: 2,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'file' && ++files === 5) stop.abort()
    },
  })
  await assert.rejects(stopped, { code: 'interrupted' })
  const left = readdirSync(target)
  assert.ok(left.length >= 4 && left.length < 40, `${left.length} files`)
  assert.deepEqual(
    left.filter((name) => name.includes('holdfast')),
    [],
  )
  const result = await restored({ repo, root }, source, target, { threads: 2 })
  assert.equal(result.partial, false)
  assert.ok(result.counts.files < 40)
  for (let i = 0; i < 40; i++) assert.equal(statSync(join(target, `large-${i}`)).size, 2_000_000)
})

test('a large file that is not complete when the restore is stopped is not there', async (t) => {
  const { repo, root, source, target } = await scene(t, (folder) => {
    writeFileSync(join(folder, 'large'), secureRandom(30_000_000))
  })
  const stop = new AbortController()
  let steps = 0
  const stopped = restored({ repo, root }, source, target, {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'progress' && ++steps === 3) stop.abort()
    },
  })
  await assert.rejects(stopped, { code: 'interrupted' })
  assert.deepEqual(readdirSync(target), [])
})

test('a directory that was opened up is closed again when the restore is stopped', async (t) => {
  if (!requireRoot(t) || !requireCommand(t, 'chattr')) return
  const { repo, root, source, target } = await scene(t, (folder) => {
    mkdirSync(join(folder, 'locked'))
    writeFileSync(join(folder, 'locked', 'large'), secureRandom(10_000_000))
  })
  const locked = join(target, 'locked')
  mkdirSync(locked, { recursive: true })
  if (!trySystem('/', 'chattr', '+i', locked)) return void missing(t, 'a file system with flags')
  t.after(() => trySystem('/', 'chattr', '-i', locked))
  const stop = new AbortController()
  const onEvent = ({ type }: OperationEvent) => {
    if (type === 'progress') stop.abort()
  }
  await assert.rejects(restored({ repo, root }, source, target, { signal: stop.signal, onEvent }), {
    code: 'interrupted',
  })
  assert.match(system('/', 'lsattr', '-d', locked), /^-*i/)
  assert.deepEqual(readdirSync(locked), [])
  assert.equal((await restored({ repo, root }, source, target)).partial, false)
  assert.deepEqual(readdirSync(locked), ['large'])
})

for (const threads of [0, 2]) {
  test(`a full disk ends the restore (${threads} threads) without temporary files, what is complete stays`, async (t) => {
    const { repo, root, source } = await scene(t, (folder) => {
      for (let i = 0; i < 30; i++) writeFileSync(join(folder, `f${i}`), Buffer.alloc(1_500_000, `${i}`))
      for (let i = 0; i < 300; i++) writeFileSync(join(folder, `s${i}`), `${i}`.repeat(1000))
    })
    await withLoopFs(t, 'ext4', 24, async (mountPoint) => {
      system('/', 'tune2fs', '-m', '0', system('/', 'findmnt', '-n', '-o', 'SOURCE', mountPoint).trim())
      const target = join(mountPoint, 'target')
      await assert.rejects(restored({ repo, root }, source, target, { threads }), (error: Error) => {
        assert.equal((error as { code?: string }).code, 'full')
        assert.match(error.message, /no room left in the target/)
        assert.match(reasonsOf(error), /because [^]*ENOSPC: no space left/)
        assert.equal(reasonsOf(error).match(/no room left/g)!.length, 1, 'it is said once, and then why')
        return true
      })
      const left = readdirSync(target)
      assert.deepEqual(
        left.filter((name) => name.includes('holdfast')),
        [],
      )
      for (const name of left) {
        const size = name.startsWith('f') ? 1_500_000 : name.slice(1).length * 1000
        assert.equal(statSync(join(target, name)).size, size, name)
      }
    })
  })
}

test('a large file is written in pieces by all threads, whatever its extents are', async (t) => {
  const MiB = 1024 * 1024
  const { repo, root, source, target } = await scene(t, (folder) => {
    const file = join(folder, 'large')
    const parts = Array.from({ length: 90 }, (_, i) => {
      const part = Buffer.alloc(MiB / 2)
      for (let at = 0; at < part.length; at += 4) part.writeUInt32LE(Math.imul(at + i * 7919, 2654435761) >>> 0, at)
      return part
    })
    parts[40] = Buffer.alloc(3 * MiB)
    writeFileSync(file, Buffer.concat(parts))
    truncateSync(file, 60 * MiB)
  })
  const result = await restored({ repo, root }, source, target, { threads: 2 })
  assert.equal(result.partial, false)
  assert.equal(readFileSync(join(target, 'large')).equals(readFileSync(join(source, 'large'))), true)
})
