import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { BackupError, type ErrorCode } from '../../src/base/errors.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { rejectsWith, storeContract } from './store-contract.ts'
import { type Call, errno, WatchedCalls } from './watched-calls.ts'

test('an acknowledged object survives a power cut, and so do the folders on the way to it', async (t) => {
  const { calls, root } = world(t)
  const store = await openFsStore(root, { create: true })
  for (const name of ['data/ab/01', 'data/ab/02', 'data/ac/01', 'snap/00/1', 'keys/00']) {
    await store.put(name, [Buffer.from(name)])
    assert.ok(calls.survivesPowerCut(root, name), name)
  }
})

test('so does one whose bytes came in pieces', async (t) => {
  const { calls, root } = world(t)
  const store = await openFsStore(root, { create: true })
  for (const name of ['data/ab/01', 'data/ab/02']) {
    const staged = store.stage()
    await staged.append([Buffer.from('in two ')])
    await staged.append([Buffer.from('pieces')])
    await staged.commit(name)
    assert.ok(calls.survivesPowerCut(root, name), name)
  }
})

/** A store in which `data/ab/01` lies and was never acknowledged: its folder could not be synced. */
async function leftBehind(t: TestContext) {
  const { calls, root } = world(t)
  const first = await openFsStore(root, { create: true })
  await first.put('data/ab/00', [Buffer.from('so that the folder is there')])
  calls.failure = (call) => (call.kind === 'sync' && call.path.endsWith('/ab') ? errno('EIO') : undefined)
  await rejectsWith('io', first.put('data/ab/01', [Buffer.from('left')]))
  calls.failure = () => undefined
  return { calls, root }
}

test('an object that is kept survives a power cut, whoever has put it', async (t) => {
  const { calls, root } = await leftBehind(t)
  const second = await openFsStore(root, { create: false })
  assert.ok(await second.keep('data/ab/01'))
  assert.ok(calls.survivesPowerCut(root, 'data/ab/01'))
})

test('of puts at the same time each is durable when it is acknowledged, and they share folder syncs', async (t) => {
  const { calls, root } = world(t)
  const store = await openFsStore(root, { create: true })
  calls.syncMs = 15
  const before = calls.done.length
  const puts = Array.from({ length: 60 }, async (_, n) => {
    const name = `data/${n % 2}0/${n}`
    await wait(n) // some come while a folder sync runs that began before
    await store.put(name, [Buffer.from(name)])
    assert.ok(calls.survivesPowerCut(root, name), name)
  })
  await Promise.all(puts)
  const folderSyncs = calls.done.slice(before).filter((call) => call.kind === 'sync' && !call.path.includes('/tmp/'))
  assert.ok(folderSyncs.length < 60, `${folderSyncs.length} folder syncs for 60 puts`)
})

test('what a process left behind that died before its folder sync is made durable before it is relied on', async (t) => {
  const { calls, root } = world(t)
  const first = await openFsStore(root, { create: true })
  calls.failure = (call) => (call.kind === 'sync' && !call.path.includes('/tmp/') ? errno('EIO') : undefined)
  await rejectsWith('io', first.put('data/ab/01', [Buffer.from('left')]))
  calls.failure = () => undefined
  const second = await openFsStore(root, { create: false })
  assert.deepEqual(await second.put('data/ab/02', [Buffer.from('other')]), { created: true })
  assert.ok(calls.survivesPowerCut(root, 'data/ab/02'))
  await first.put('data/ab/01', [Buffer.from('left')])
  assert.ok(calls.survivesPowerCut(root, 'data/ab/01'))
})

test('an object that is there already is made durable before that is said', async (t) => {
  const { calls, root } = await leftBehind(t)
  assert.ok(!calls.survivesPowerCut(root, 'data/ab/01'))
  const second = await openFsStore(root, { create: false })
  assert.deepEqual(await second.put('data/ab/01', [Buffer.from('left')]), { created: false })
  assert.ok(calls.survivesPowerCut(root, 'data/ab/01'))
})

test('an object that is gone already is gone for good before that is said', async (t) => {
  const { calls, root } = world(t)
  const first = await openFsStore(root, { create: true })
  await first.put('sess/01', [Buffer.from('fenced')])
  calls.failure = (call) => (call.kind === 'sync' && call.path.endsWith('/sess') ? errno('EIO') : undefined)
  await rejectsWith('io', first.delete('sess/01'))
  const second = await openFsStore(root, { create: false })
  await rejectsWith('io', second.delete('sess/01'))
  calls.failure = () => undefined
  const before = calls.done.length
  assert.equal(await second.delete('sess/01'), false)
  assert.ok(calls.done.slice(before).some((call) => call.kind === 'sync' && call.path.endsWith('/sess')))
  assert.equal(await second.delete('gc/01'), false, 'where the folder was never there')
})

test('index segments that a writer lists are durable when it has the list, and one who reads needs no sync', async (t) => {
  const { calls, root } = world(t)
  const first = await openFsStore(root, { create: true })
  await first.put('index/00', [Buffer.from('so that the folder is there')])
  calls.failure = (call) => (call.kind === 'sync' && call.path.endsWith('/index') ? errno('EIO') : undefined)
  await rejectsWith('io', first.put('index/01', [Buffer.from('left')]))
  const second = await openFsStore(root, { create: false })
  assert.equal((await second.list('index/')).objects.length, 2)
  await second.put('sess/01', [Buffer.from('intent')])
  await rejectsWith('io', second.list('index/'))
  calls.failure = () => undefined
  assert.ok(!calls.survivesPowerCut(root, 'index/01'))
  assert.equal((await second.list('index/')).objects.length, 2)
  assert.ok(calls.survivesPowerCut(root, 'index/01'))
})

test('a put that fails at any of its calls says why and leaves nothing half done', async (t) => {
  const codes: [string, ErrorCode][] = [
    ['EIO', 'io'],
    ['ENOSPC', 'full'],
    ['EROFS', 'refused'],
    ['EMFILE', 'io'],
    ['ESTALE', 'unreachable'],
  ]
  const { calls, root: base } = world(t)
  let failures = 0
  for (const [code, expected] of codes) {
    for (let step = 0, finished = false; !finished; step++) {
      const root = `${base}-${code}-${step}`
      const store = await openFsStore(root, { create: true })
      let failed: Call | undefined
      const first = calls.begun
      calls.failure = (call, number) => {
        if (number !== first + step) return undefined
        failed = call
        return errno(code)
      }
      const put = await store.put('data/ab/01', [Buffer.from('whole')]).catch((error: unknown) => error)
      calls.failure = () => undefined
      finished = failed === undefined
      const where = `${code} in ${failed?.kind} of ${failed?.path}`
      if (put instanceof Error) {
        failures++
        assert.ok(put instanceof BackupError, where)
        // A repository's folder that cannot be looked at is out of reach, whatever the reason.
        assert.equal(put.code, failed?.kind === 'stat' ? 'unreachable' : expected, where)
        assert.ok(put.message.includes(failed?.kind === 'stat' ? root : 'data/ab/01'), put.message)
        if (put.code !== 'io') assert.ok(put.hint !== undefined, where)
        assert.deepEqual(temporaryFiles(root), [], `${where} leaves a temporary file`)
      } else {
        assert.ok(calls.survivesPowerCut(root, 'data/ab/01'), `${where} was swallowed`)
      }
      const listed = (await store.list('')).objects
      for (const object of listed) assert.equal(Buffer.from(await store.get(object.name)).toString(), 'whole', where)
      await store.put('data/ab/01', [Buffer.from('whole')])
      assert.ok(calls.survivesPowerCut(root, 'data/ab/01'), `${where}: a second put heals`)
    }
  }
  assert.ok(failures >= 40, `only ${failures} failures happened`)
})

test('a list or a lookup that fails anywhere throws and is never short', async (t) => {
  const { calls, root } = world(t)
  const store = await openFsStore(root, { create: true })
  const names = ['data/aa/1', 'data/ab/1', 'index/1', 'sess/1']
  for (const name of names) await store.put(name, [])
  for (const code of ['EIO', 'EACCES', 'ENOTCONN', 'ENOMEM']) {
    for (let step = 0, finished = false; !finished; step++) {
      const first = calls.begun
      calls.failure = (_, number) => (number === first + step ? errno(code) : undefined)
      const page = await store.list('').catch((error: unknown) => error)
      finished = calls.begun <= first + step
      if (!finished) assert.ok(page instanceof BackupError, `${code} in call ${step} was swallowed`)
    }
    calls.failure = () => errno(code)
    await assert.rejects(store.stat('data/aa/1'), BackupError)
    await assert.rejects(store.get('data/aa/1'), BackupError)
    await assert.rejects(store.delete('data/aa/1'), BackupError)
    calls.failure = () => undefined
  }
  assert.deepEqual(
    (await store.list('')).objects.map((object) => object.name),
    names,
  )
})

test('writes that are cut short go on where they stopped', async (t) => {
  const { calls, root } = world(t)
  const store = await openFsStore(root, { create: true })
  const parts = Array.from({ length: 20 }, (_, n) => Buffer.alloc(n * 3, n))
  for (const most of [1, 2, 7, 19, 20, 21, 100]) {
    calls.writeAtMost = most
    await store.put(`data/ab/${most}`, parts)
    assert.ok(calls.survivesPowerCut(root, `data/ab/${most}`))
    assert.deepEqual(Buffer.from(await store.get(`data/ab/${most}`)), Buffer.concat(parts))
  }
})

test('a file system without fsync for folders can still be used', async (t) => {
  const { calls, root } = world(t)
  calls.failure = (call) => (call.kind === 'sync' && !call.path.includes('/tmp/') ? errno('EINVAL') : undefined)
  const store = await openFsStore(root, { create: true })
  assert.deepEqual(await store.put('data/ab/01', [Buffer.from('x')]), { created: true })
})

test('without hard links an object still appears whole and under its name only once it is synced', async (t) => {
  const { calls, root } = world(t)
  calls.failure = (call) => (call.kind === 'link' ? errno('EPERM') : undefined)
  const store = await openFsStore(root, { create: true })
  for (const name of ['data/ab/01', 'data/ab/02']) {
    await store.put(name, [Buffer.from(name)])
    assert.ok(calls.survivesPowerCut(root, name))
  }
  assert.equal(calls.done.filter((call) => call.kind === 'rename').length, 2)
})

storeContract('FsStore without hard links', async (t) => {
  const { calls, root } = world(t)
  calls.failure = (call) => (call.kind === 'link' ? errno('EOPNOTSUPP') : undefined)
  return openFsStore(root, { create: true })
})

function temporaryFiles(root: string): string[] {
  return readdirSync(root).includes('tmp') ? readdirSync(join(root, 'tmp')) : []
}

function world(t: TestContext): { calls: WatchedCalls; root: string } {
  const folder = tempFolder(t)
  return { calls: new WatchedCalls(t, folder), root: join(folder, 'repository') }
}
