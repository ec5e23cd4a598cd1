// Files that are locked (chattr +i or +a) in the target: replaced where the snapshot has something else, never left unlocked.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { listAll } from '../../src/store/store.ts'
import { missing, requireCommand, requireRoot } from '../support/requirements.ts'
import { scene } from '../support/restore-scene.ts'
import type { Scene } from '../support/restore-scene.ts'
import { restored, troublesOf } from '../support/restoring.ts'
import { system, trySystem } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** One that is written whole and one that is written in pieces. */
const SIZES = { small: 1000, large: 9_000_000 }

for (const flag of ['i', 'a']) {
  test(`files with other content are replaced also where they have +${flag}, and have it afterwards`, (t) =>
    withLocked(t, flag, async ({ repo, root, source, target }) => {
      const result = await restored({ repo, root }, source, target)
      assert.deepEqual([troublesOf(result), result.warnings, result.counts.replaced], [[], [], 2])
      assert.deepEqual(readdirSync(target).sort(), ['large', 'small'])
      for (const name of Object.keys(SIZES)) {
        assert.equal(lockOf(join(target, name)), flag)
        assert.equal(readFileSync(join(target, name)).equals(readFileSync(join(source, name))), true, name)
      }
    }))

  test(`a file with +${flag} whose new content is damaged stays as it was, locked`, (t) =>
    withLocked(t, flag, async ({ repo, root, source, target, store }) => {
      for await (const { name } of listAll(store, PREFIXES.data)) {
        store.damage(name, (await store.get(name)).fill(0, 100))
      }
      const result = await restored({ repo, root }, source, target)
      assert.deepEqual(troublesOf(result), [`corrupt ${join(source, 'large')}`, `corrupt ${join(source, 'small')}`])
      assert.equal(readFileSync(join(target, 'large'), 'utf8'), 'old')
      assert.equal(lockOf(join(target, 'large')), flag)
      assert.deepEqual(readdirSync(target).sort(), ['large', 'small'])
    }))

  test(`a file with +${flag} is not replaced when flags are left alone`, (t) =>
    withLocked(t, flag, async ({ repo, root, source, target }) => {
      const result = await restored({ repo, root }, source, target, { metadata: { flags: false } })
      assert.deepEqual(troublesOf(result), [`refused ${join(source, 'large')}`, `refused ${join(source, 'small')}`])
      assert.equal(lockOf(join(target, 'large')), flag)
      assert.deepEqual(readdirSync(target).sort(), ['large', 'small'])
    }))
}

const lockOf = (path: string) => system('/', 'lsattr', '-d', path).split(' ')[0]!.replaceAll(/[^ia]/g, '')

/** Backs locked files up; the target has others under their names, which are locked too. */
async function withLocked(t: TestContext, flag: string, step: (scene: Scene) => Promise<void>): Promise<void> {
  if (!requireRoot(t) || !requireCommand(t, 'chattr') || !requireCommand(t, 'lsattr')) return
  const probe = tempFolder(t, 'locks')
  if (!trySystem(probe, 'chattr', '+i', '.')) return void missing(t, 'a file system with flags')
  system(probe, 'chattr', '-i', '.')
  let folder = ''
  try {
    const made = await scene(t, (source) => {
      folder = join(source, '..')
      for (const [name, size] of Object.entries(SIZES)) {
        writeFileSync(join(source, name), secureRandom(size))
        system(source, 'chattr', `+${flag}`, name)
      }
    })
    mkdirSync(made.target)
    for (const name of Object.keys(SIZES)) {
      writeFileSync(join(made.target, name), 'old')
      system(made.target, 'chattr', `+${flag}`, name)
    }
    await step(made)
  } finally {
    trySystem('/', 'chattr', '-R', '-ia', folder)
  }
}
