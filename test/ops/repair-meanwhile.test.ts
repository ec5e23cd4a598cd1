// Repairs while others work, and over a connection that shows something else once: nothing is put that somebody has taken away.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import type { RepairOptions, RepairResult } from '../../src/ops/repair/repair.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const machine = { clock: systemClock, random: secureRandom, host: 'test' }

/** Something happens when an object is read, which may give other bytes. */
class Read extends Passing {
  readonly #seen: (name: string, bytes: Uint8Array) => Promise<Uint8Array>

  constructor(inner: Store, seen: (name: string, bytes: Uint8Array) => Promise<Uint8Array>) {
    super(inner)
    this.#seen = seen
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return this.#seen(name, await super.get(name, range))
  }

  replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    return this.inner.replace!(name, parts)
  }
}

async function scratchWithBackup(t: TestContext): Promise<ScratchRepository> {
  const folder = tempFolder(t, 'repair-meanwhile')
  const source = join(folder, 'source.txt')
  writeFileSync(source, secureRandom(30_000))
  const scratch = await ScratchRepository.create(folder, {})
  await backUp(scratch, [source])
  return scratch
}

async function repairOn(
  scratch: ScratchRepository,
  store: Store,
  opts: Partial<RepairOptions> = {},
): Promise<RepairResult> {
  return repair(await scratch.open(store), { ...machine, state: memoryState(), tool: 'test', by: 'test', ...opts })
}

async function listed(store: Store, prefix: string): Promise<string[]> {
  return (await store.list(prefix)).objects.map(({ name }) => name)
}

test('a part of the index that was read wrong once is not set aside', async (t) => {
  const scratch = await scratchWithBackup(t)
  const inner = await scratch.store()
  const segments = await listed(inner, PREFIXES.index)
  for (let wrong = 1; wrong <= 6; wrong++) {
    let reads = 0
    const store = new Read(inner, async (name, bytes) => {
      return name === segments[0] && ++reads === wrong ? bytes.with(100, bytes[100]! ^ 1) : bytes
    })
    const { steps, lostCount } = await repairOn(scratch, store)
    assert.deepEqual([steps, lostCount], [[], 0], `read ${wrong}`)
  }
  const repo = await scratch.open()
  const checked = await checkRepository({ repo, depth: 'all', rng: seededRng(1), threads: 0 })
  assert.deepEqual([checked.damages, checked.indexIncomplete], [[], false])
})

test('what a prune deletes while it is repaired stays deleted', async (t) => {
  const scratch = await scratchWithBackup(t)
  const inner = await scratch.store()
  const mirror = new MemoryStore()
  const names = [PREFIXES.data, PREFIXES.sessionKeys, PREFIXES.log].map(
    async (prefix) => (await listed(inner, prefix))[0],
  )
  for (const name of await Promise.all(names)) {
    if (name === undefined) continue
    const right = await inner.get(name)
    await mirror.put(name, [right])
    await inner.replace!(name, [right.with(60, right[60]! ^ 1)])
    await inner.delete(`parity/${name}`)
    const slow = new Read(mirror, async (read, bytes) => {
      if (read === name) await inner.delete(name)
      return bytes
    })
    const { steps } = await repairOn(scratch, new Read(inner, async (_name, bytes) => bytes), { mirror: slow })
    assert.ok(!steps.some((step) => step.kind === 'healed' && step.object === name))
    // Where something needs it, it was brought back as what is missing.
    const isNeeded = steps.some((step) => step.kind === 'brought-back' && step.object === name)
    assert.equal((await inner.stat(name)) !== null, isNeeded, name)
  }
})

test('who was fenced while his intent was repaired is told so', async (t) => {
  const scratch = await scratchWithBackup(t)
  const inner = await scratch.store()
  const repo = await scratch.open()
  const writer = await writerIdentity(repo, { ...machine, state: memoryState() })
  const secrets = newSessionSecrets(secureRandom)
  await WriteSession.begin(repo, { ...machine, secrets, writer, tool: 'test' })
  const intent = `sess/${Buffer.from(secrets.sid).toString('hex')}`
  const right = await inner.get(intent)
  await inner.replace!(intent, [right.with(60, right[60]! ^ 1)])
  // A prune fences the session when the repair has found it damaged.
  const mirror = new Read(inner, async (name, bytes) => {
    if (name !== intent) return bytes
    await inner.delete(intent)
    return right
  })
  await repairOn(scratch, new Read(inner, async (_name, bytes) => bytes), { mirror })
  assert.equal(await inner.stat(intent), null)
})
