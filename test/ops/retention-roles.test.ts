// Who may forget, hold and set policies, in which domains; and what the records of others do.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import type { RetentionPolicy } from '../../src/format/retention-policy.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { carryOut, goers, planForget, readRetention } from '../../src/ops/forget.ts'
import { rewriteSnapshots, snapshotsWith } from '../../src/ops/rewrite.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { moveToTrash, placeOf, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import type { TrashOptions } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const KEEP_ONE: RetentionPolicy = { last: 1, calendar: [], within: [], tags: [], groupBy: ['sources'], trashDays: 3 }
const isWrongKey = (error: unknown) => error instanceof BackupError && error.code === 'wrong-key'

async function scene(t: TestContext) {
  const folder = tempFolder(t)
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  return { scratch: await ScratchRepository.create(folder), source }
}

async function signing(repo: Repository): Promise<TrashOptions> {
  const clock = systemClock
  const writer = await writerIdentity(repo, {
    state: memoryState(),
    clock,
    random: secureRandom,
    host: 'x',
    act: 'log',
  })
  return { writer, clock, random: secureRandom, by: 'somebody' }
}

async function forget(repo: Repository): Promise<number> {
  const plan = planForget(await readRetention(repo), {}, Date.now())
  return (await carryOut(repo, plan, await signing(repo))).snapshots.length
}

test('a maintainer sets a policy, forgets and brings back, and cannot make snapshots of others', async (t) => {
  const { scratch, source } = await scene(t)
  const state = memoryState()
  for (let i = 0; i < 3; i++) await backUp(scratch, [source], { state })
  const repo = await scratch.openWith(await scratch.addRole('maintain'))
  const opts = await signing(repo)
  await appendRecord(repo, { kind: 'policy', policy: KEEP_ONE }, opts)
  assert.equal(await forget(repo), 2)
  const admin = await scratch.open()
  assert.equal((await admin.snapshots()).length, 1)
  assert.equal((await readRetention(admin)).records.trashDays, 3)
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, opts)
  assert.equal((await admin.snapshots()).length, 3)
  assert.deepEqual((await auditHistory({ repo: admin })).findings, [])
  const work = await snapshotsWith(repo, (await readRetention(repo)).snapshots, [Buffer.from(join(source, 'file'))])
  assert.equal(work.length, 3)
  const more = { ...opts, random: secureRandom, host: 'x', tool: 'test', state: await readRetention(repo) }
  await assert.rejects(rewriteSnapshots(repo, work, more), isWrongKey)
})

test('who may only read or write forgets nothing, and records of his have no effect', async (t) => {
  const { scratch, source } = await scene(t)
  const state = memoryState()
  const [first] = [await backUp(scratch, [source], { state }), await backUp(scratch, [source], { state })]
  const admin = await scratch.open()
  const listed = await admin.catalog.list()
  for (const role of ['read', 'write'] as const) {
    const repo = await scratch.openWith(await scratch.addRole(role))
    const opts = await signing(repo)
    await assert.rejects(moveToTrash(repo, listed, opts), isWrongKey)
    await assert.rejects(appendRecord(repo, { kind: 'policy', policy: KEEP_ONE }, opts), isWrongKey)
    await assert.rejects(
      appendRecord(repo, { kind: 'hold', hold: 'keep', snapshots: [placeOf(listed[0]!)] }, opts),
      isWrongKey,
    )
  }
  assert.equal((await admin.catalog.list()).length, 2)
  assert.deepEqual((await (await scratch.store()).list('trash/')).objects, [])
  assert.equal((await readRetention(admin)).snapshots[0]!.id, first.snapshot.id)
})

test('a maintainer of one domain sees and forgets nothing of another, and its policy holds there alone', async (t) => {
  const { scratch, source } = await scene(t)
  await scratch.addDomains('ann', 'ben')
  const state = memoryState()
  for (const domain of ['ann', 'ben', 'ann', 'ben']) {
    await backUp(scratch, [source], { state, repository: (await scratch.open()).inDomain(domain) })
  }
  const ann = await scratch.openWith(await scratch.addRole('maintain', ['ann']))
  assert.equal((await readRetention(ann)).snapshots.length, 2)
  await appendRecord(ann, { kind: 'policy', policy: KEEP_ONE }, await signing(ann))
  const admin = await scratch.open()
  const seen = planForget(await readRetention(admin), {}, Date.now())
  assert.equal(goers(seen).length, 1, 'one of ann goes for the administrator too, and none of ben')
  assert.equal(await forget(ann), 1)
  assert.equal((await (await scratch.open()).snapshots()).length, 3)
  // The chain is one of both domains: who sees ben alone knows that the gap is no loss as far as its own go.
  const ben = await scratch.openWith(await scratch.addRole('read', ['ben']))
  assert.equal((await ben.snapshots()).length, 2)
})

test('holds of two maintainers add up, and a release undoes what it has seen', async (t) => {
  const { scratch, source } = await scene(t)
  const state = memoryState()
  for (let i = 0; i < 2; i++) await backUp(scratch, [source], { state })
  const [one, other] = [await scratch.addRole('maintain'), await scratch.addRole('maintain')]
  const repo = await scratch.openWith(one)
  const [oldest] = await repo.catalog.list()
  const snapshots = [placeOf(oldest!)]
  const sign = async (key: typeof one) => {
    const opened = await scratch.openWith(key)
    return [opened, await signing(opened)] as const
  }
  const [a, b] = [await sign(one), await sign(other)]
  await appendRecord(a[0], { kind: 'policy', policy: KEEP_ONE }, a[1])
  await appendRecord(a[0], { kind: 'hold', hold: 'keep', snapshots }, a[1])
  await appendRecord(b[0], { kind: 'hold', hold: 'keep', snapshots }, b[1])
  assert.equal(await forget(await scratch.openWith(one)), 0)
  await appendRecord(a[0], { kind: 'hold', hold: 'release', snapshots }, a[1])
  await appendRecord(b[0], { kind: 'hold', hold: 'keep', snapshots }, b[1])
  assert.equal(await forget(await scratch.openWith(one)), 0)
  await appendRecord(a[0], { kind: 'hold', hold: 'release', snapshots }, a[1])
  assert.equal(await forget(await scratch.openWith(one)), 1)
})

test('a record that cannot be read may hold something, so nothing is forgotten', async (t) => {
  const { scratch, source } = await scene(t)
  const state = memoryState()
  for (let i = 0; i < 2; i++) await backUp(scratch, [source], { state })
  const repo = await scratch.open()
  const opts = await signing(repo)
  await appendRecord(repo, { kind: 'policy', policy: KEEP_ONE }, opts)
  const [oldest] = await repo.catalog.list()
  const { objectName } = await appendRecord(repo, { kind: 'hold', hold: 'keep', snapshots: [placeOf(oldest!)] }, opts)
  const file = join(scratch.location, objectName)
  const bytes = readFileSync(file)
  bytes[100]! ^= 1
  rmSync(file)
  writeFileSync(file, bytes)
  await assert.rejects(forget(await scratch.open()), { code: 'refused', message: /cannot be read, which may hold/ })
  assert.equal((await repo.catalog.list()).length, 2)
})
