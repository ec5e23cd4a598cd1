// A prune of a repository with more blobs than a test can store: a made one, whole but for the size of its blobs.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRepository } from '../../bench/scale/made-repository.ts'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parseKeyFile } from '../../src/crypto/keyfile.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { tempFolder } from '../support/temp-folder.ts'

const BLOBS = 100_000

test(`of ${BLOBS.toLocaleString('en')} blobs a prune leaves those that are needed, and each of them once`, async (t) => {
  const folder = tempFolder(t, 'many-blobs')
  const [location, keyFile] = [join(folder, 'repository'), join(folder, 'key')]
  mkdirSync(location)
  const made = await makeRepository(location, keyFile, BLOBS, 1)
  const secret = parseKeyFile(readFileSync(keyFile), keyFile)
  const open = async () => openRepository(await openFsStore(location, { create: false }), { kind: 'key-file', secret })
  const by = { state: memoryState(), clock: systemClock, random: secureRandom, host: 'test', by: 'test', tool: 'test' }
  const report = await prune(await open(), { ...by, threads: 2, maxUnused: 0, maxRemoved: 1 })
  assert.ok(report.packsDeleted > 0 && report.newPacks > 0)
  const checked = await checkRepository({ repo: await open(), depth: 'all', rng: seededRng(1), threads: 0 })
  assert.deepEqual(checked.damages, [])
  assert.equal(checked.counts.packsUnindexed, 0)
  const dataBlobs = checked.counts.blobs - checked.counts.nodes
  assert.ok(dataBlobs <= made.needed && dataBlobs > 0.98 * made.needed, `${dataBlobs} of ${made.needed}`)
})
