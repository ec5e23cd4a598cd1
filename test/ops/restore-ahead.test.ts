// A restore from many snapshots reads tree nodes by block, before it asks for them.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import type { Subtree } from '../../src/format/entry-model.ts'
import { directoryEntries, walkDirectory } from '../../src/ops/browse/tree-walk.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { backedUp, restored } from '../support/restoring.ts'
import { tempFolder } from '../support/temp-folder.ts'

const FOLDERS = 10
const LINKS = 210

/** A tree of 2,110 entries after so many backups, each of which found another link in one of its folders. */
async function afterBackups(t: TestContext, backups: number) {
  const source = tempFolder(t, 'source')
  for (let i = 0; i < FOLDERS; i++) {
    mkdirSync(join(source, `d${i}`))
    for (let j = 0; j < LINKS; j++) symlinkSync('x', join(source, `d${i}`, `l${j}`))
  }
  const backed = await backedUp(source)
  let { root } = backed
  for (let i = 1; i < backups; i++) {
    symlinkSync('x', join(source, `d${i % FOLDERS}`, `n${i}`))
    root = await backed.again(source)
  }
  const gets: string[] = []
  class Recording extends Passing {
    override get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
      gets.push(name)
      return super.get(name, range)
    }
  }
  const repo = await backed.open(new Recording(backed.store))
  await repo.loadIndex()
  return { source, repo, root, gets }
}

async function subtreeOf(repo: Repository, root: Uint8Array): Promise<Subtree> {
  return (await directoryEntries(repo, root, true))[0]!.subtree!
}

test('nodes that were read ahead are not read again, and with few sessions none are', async (t) => {
  const many = await afterBackups(t, 16)
  const subtree = await subtreeOf(many.repo, many.root)
  await many.repo.readAhead(subtree)
  many.gets.length = 0
  let entries = 0
  await walkDirectory(many.repo, new Uint8Array(), subtree.ref, () => void entries++)
  assert.equal(entries, FOLDERS + FOLDERS * LINKS + 15)
  assert.deepEqual(many.gets, [])
  const few = await afterBackups(t, 2)
  const asked = await subtreeOf(few.repo, few.root)
  few.gets.length = 0
  await few.repo.readAhead(asked)
  assert.deepEqual(few.gets, [])
})

test('a restore reads ahead what it is going to walk, and nothing for a filter that may pass it over', async (t) => {
  const { repo, root, source } = await afterBackups(t, 2)
  const subtree = await subtreeOf(repo, root)
  const asked: string[] = []
  repo.readAhead = async ({ ref }) => void asked.push(toHex(ref))
  const target = tempFolder(t, 'target')
  const result = await restored({ repo, root }, source, target)
  assert.equal(result.partial, false)
  assert.deepEqual(readdirSync(target), readdirSync(source))
  assert.equal(asked[0], toHex(subtree.ref))
  asked.length = 0
  await restored({ repo, root }, source, tempFolder(t, 'target'), { filter: () => 'take' })
  assert.deepEqual(asked, [])
})
