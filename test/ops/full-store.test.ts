// The repository runs out of room or quota at any moment of a backup.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { QuotaStore } from '../support/quota-store.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { randomBytes } from '../support/torture-content.ts'

const KIB = 1024
/** The smallest pack there is. */
const PACK_SIZE = 64 * KIB

const FILES = 36
const FILE_SIZE = 16 * KIB

/** A source of small files, in several folders, that makes about ten packs. */
function makeSource(t: TestContext): { source: string; content: Record<string, string> } {
  const source = tempFolder(t, 'source')
  const content: Record<string, string> = { [source]: 'directory' }
  for (let folder = 0; folder < 3; folder++) {
    const path = join(source, `folder-${folder}`)
    mkdirSync(path)
    content[path] = 'directory'
    for (let file = 0; file < FILES / 3; file++) {
      const bytes = randomBytes(FILE_SIZE, folder * 100 + file)
      writeFileSync(join(path, `file-${file}`), bytes)
      content[join(path, `file-${file}`)] = fileWith(bytes)
    }
  }
  return { source, content }
}

test('a repository that is full at any step says so, keeps earlier snapshots, and the next backup goes on', async (t) => {
  const { source, content } = makeSource(t)
  const early = join(tempFolder(t, 'source'), 'early')
  writeFileSync(early, 'stored before')
  const earlyContent = { [early]: fileWith('stored before') }
  /** A repository with one snapshot, and a backup of the source into it with room for so many objects. */
  const fill = async (objects: number) => {
    const scratch = await ScratchRepository.create(tempFolder(t, 'full'), { packSize: PACK_SIZE })
    const state = memoryState()
    await backUp(scratch, [early], { state })
    const store = new QuotaStore(await scratch.store(), { objects })
    const ended: unknown = await backUp(scratch, [source], { store, state }).then(
      ({ problems }) => problems,
      (error: unknown) => error,
    )
    return { scratch, state, store, ended }
  }

  const { ended: well, store: whole } = await fill(Infinity)
  assert.deepEqual(well, [])
  assert(whole.count('data/') >= 9 && whole.count('index/') === 1 && whole.count('snap/') === 1)
  let reused = 0
  for (const [step, name] of whole.stored.entries()) {
    if (name.startsWith('data/') && step % 3 !== 0) continue
    const { scratch, state, store, ended } = await fill(step)
    // Only what says that the run has ended may be missing when the snapshot is there.
    const committed = store.count('snap/') === 1
    assert.equal(committed, name.endsWith('.end'))
    if (committed) assert.match(String(ended), /^warning full: the snapshot is complete.*disk quota exceeded/)
    else assert(ended instanceof BackupError && ended.code === 'full', `no room for ${name}: ${String(ended)}`)
    assert.deepEqual(await scratch.readAll(), committed ? [earlyContent, content] : [earlyContent])

    const next = await backUp(scratch, [source], { state })
    assert.deepEqual(next.problems, [])
    assert.equal(next.body.partial, false)
    assert.deepEqual((await scratch.readAll()).at(-1), content)
    const packs = store.count('data/')
    if (packs === 0 || !/^(?:data|meta)/.test(name)) continue
    assert.equal(store.count('index/'), 1, `what was stored before there was no room for ${name} is in the index`)
    const missing = Math.max(0, FILES * FILE_SIZE - (packs - 1) * PACK_SIZE)
    const { newPlainBytes } = next.body.stats
    assert(newPlainBytes <= missing + 16 * KIB, `${packs} packs, then ${newPlainBytes} bytes`)
    reused++
  }
  assert(reused >= 3)
})

test('a disk that is full while many packs wait for it ends the backup at once', { timeout: 60_000 }, async (t) => {
  const source = tempFolder(t, 'source')
  const files = 32
  for (let file = 0; file < files; file++) writeFileSync(join(source, `file-${file}`), randomBytes(512 * KIB, file))
  // The walk is still under way, has just ended, or ended long ago.
  for (const share of [0.1, 0.4, 0.6, 0.8]) {
    const scratch = await ScratchRepository.create(tempFolder(t, 'full'), { packSize: 512 * KIB })
    const slow = new QuotaStore(await scratch.store(), { bytes: files * share * 512 * KIB }, 10)
    await assert.rejects(backUp(scratch, [source], { store: slow, threads: true }), { code: 'full' }, String(share))
    assert.deepEqual(await scratch.readAll(), [])
  }
})
