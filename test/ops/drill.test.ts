// Drills: what is restored is proved, what is not is named, and the scratch folder is empty afterwards.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { drill } from '../../src/ops/drill.ts'
import type { DrillOptions, DrillResult } from '../../src/ops/drill.ts'
import { listAll } from '../../src/store/store.ts'
import { backedUp } from '../support/restoring.ts'
import type { Backed } from '../support/restoring.ts'
import { tempFolder } from '../support/temp-folder.ts'

const FILES = 30

interface Scene extends Backed {
  readonly source: string
  readonly scratch: string
  drill(opts?: Partial<DrillOptions>): Promise<DrillResult>
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = tempFolder(t, 'drill')
  const [source, scratch] = [join(folder, 'source'), join(folder, 'scratch')]
  mkdirSync(join(source, 'deep', 'er'), { recursive: true })
  mkdirSync(scratch)
  for (let i = 0; i < FILES; i++) {
    writeFileSync(join(source, i % 3 === 0 ? 'deep/er' : 'deep', `file-${i}`), secureRandom(1000 + i))
  }
  writeFileSync(join(source, 'empty'), '')
  const backed = await backedUp(source)
  const run: Scene['drill'] = (opts = {}) =>
    drill({
      repo: backed.repo,
      root: backed.root,
      sample: { kind: 'all' },
      scratch,
      spaceMax: 5000,
      compare: true,
      rng: seededRng(1),
      threads: 0,
      ...opts,
    })
  return { ...backed, source, scratch, drill: run }
}

test('everything is restored in portions, compared with its source, and removed again', async (t) => {
  const s = await scene(t)
  const result = await s.drill()
  assert.deepEqual(
    [result.files, result.filesTotal, result.compared, result.different, result.troubleCount],
    [FILES + 1, FILES + 1, FILES + 1, [], 0],
  )
  assert.deepEqual(readdirSync(s.scratch), [])
})

test('a sample has as many files as were asked for, and at least one', async (t) => {
  const s = await scene(t)
  assert.equal((await s.drill({ sample: { kind: 'files', count: 5 } })).files, 5)
  assert.equal((await s.drill({ sample: { kind: 'files', count: 1000 } })).files, FILES + 1)
  const share = await s.drill({ sample: { kind: 'share', share: 0.3 } })
  assert.ok(share.files >= 3 && share.files <= 20, `${share.files} files`)
  assert.equal((await s.drill({ sample: { kind: 'share', share: 1e-9 } })).files, 1)
})

test('a source that has changed is not compared; one that has other bytes behind its times is named', async (t) => {
  const s = await scene(t)
  writeFileSync(join(s.source, 'deep', 'file-1'), 'changed since')
  const changed = await s.drill()
  assert.deepEqual([changed.compared, changed.different], [FILES, []])
  // Times can be set, but for that of the inode: this is what it looks like where that was not recorded.
  const times = new Date(1_700_000_000_000)
  const path = join(s.source, 'deep', 'file-2')
  utimesSync(path, times, times)
  const root = await s.again(s.source)
  writeFileSync(path, secureRandom(1002))
  utimesSync(path, times, times)
  const repo = await s.open()
  await repo.loadIndex()
  const withoutCtime: typeof repo.readNode = async (ref, top) => {
    const node = await repo.readNode(ref, top)
    if (!('entries' in node)) return node
    const entries = node.entries.map((entry) => {
      const copy: { -readonly [K in keyof Entry]: Entry[K] } = { ...entry }
      delete copy.ctime
      return copy
    })
    return { ...node, entries }
  }
  const reader = new Proxy(repo, {
    get: (target, key) => {
      if (key === 'readNode') return withoutCtime
      const own: unknown = Reflect.get(target, key, target)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
  const { different } = await s.drill({ repo: reader, root })
  assert.deepEqual(
    different.map((each) => Buffer.from(each).toString()),
    [path],
  )
})

test('what cannot be restored is named, and the rest is proved', async (t) => {
  const s = await scene(t)
  for await (const { name } of listAll(s.store, PREFIXES.data)) {
    const good = await s.store.get(name)
    s.store.damage(name, good.fill(0, 100, 2000))
  }
  const repo = await s.open()
  await repo.loadIndex()
  const { troubleCount, files, compared } = await s.drill({ repo })
  assert.ok(troubleCount > 0)
  assert.equal(files + troubleCount, FILES + 1)
  assert.equal(compared, files)
  assert.deepEqual(readdirSync(s.scratch), [])
})

test('a drill that is stopped leaves nothing behind', async (t) => {
  const s = await scene(t)
  const stop = new AbortController()
  stop.abort()
  await assert.rejects(s.drill({ signal: stop.signal }), { code: 'interrupted', message: /the drill was stopped/ })
  assert.deepEqual(readdirSync(s.scratch), [])
})
