// A target that may not be written to: nothing is restored, and that is an error about the target, not some missing files.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Operator, requireRunnableAs } from '../support/operator.ts'
import type { RunOptions } from '../support/operator.ts'
import { missing, requireRoot } from '../support/requirements.ts'
import { scene, small } from '../support/restore-scene.ts'
import { restored, troublesOf } from '../support/restoring.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { system, trySystem } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHANGES: readonly [what: string, change: (target: string) => void][] = [
  ['an empty one', (target) => system('/', 'find', target, '-mindepth', '1', '-delete')],
  ['one where a file is missing', (target) => rmSync(join(target, 'sub/b.txt'))],
  ['one with a file too many', (target) => writeFileSync(join(target, 'sub/extra'), '')],
  ['one with a tree too many', (target) => mkdirSync(join(target, 'extra/tree'), { recursive: true })],
  ['one where a file has another mode', (target) => chmodSync(join(target, 'sub/b.txt'), 0o600)],
  ['one where a folder has another mode', (target) => chmodSync(join(target, 'sub/deep'), 0o700)],
]

for (const [what, change] of CHANGES) {
  test(`a target that is read-only is refused by its name: ${what}`, async (t) => {
    const { repo, root, source } = await scene(t, small)
    const target = tempFolder(t, 'read-only')
    await readOnly(t, target, async () => {
      await restored({ repo, root }, source, target)
      change(target)
      system('/', 'mount', '-o', 'remount,ro', target)
      for (const dryRun of [false, true]) {
        await assert.rejects(restored({ repo, root }, source, target, { delete: true, dryRun }), (error: Error) => {
          assert.equal((error as { code?: string }).code, 'refused', error.message)
          assert.equal(error.message, `nothing was restored, the target cannot be written to: ${target}`)
          assert.match(String(error.cause), /EROFS/)
          return true
        })
      }
      await assert.rejects(restored({ repo, root }, source, join(target, 'new')), { code: 'refused' })
      await assert.rejects(restored({ repo, root }, source, join(target, 'new'), { dryRun: true }), { code: 'refused' })
    })
  })
}

test('a target that is read-only and has everything is as good as any other', async (t) => {
  const { repo, root, source } = await scene(t, small)
  const target = tempFolder(t, 'read-only')
  await readOnly(t, target, async () => {
    await restored({ repo, root }, source, target)
    system('/', 'mount', '-o', 'remount,ro', target)
    const { partial, counts, warnings } = await restored({ repo, root }, source, target, { delete: true })
    assert.deepEqual([partial, counts.unchanged, warnings], [false, 7, []])
  })
})

test('what is mounted writable below a target that is read-only is restored, the rest is named', async (t) => {
  const { repo, root, source } = await scene(t, small)
  const target = tempFolder(t, 'read-only')
  await readOnly(t, target, async () => {
    mkdirSync(join(target, 'sub'))
    system('/', 'mount', '-t', 'tmpfs', 'none', join(target, 'sub'))
    system('/', 'mount', '-o', 'remount,ro', target)
    try {
      const result = await restored({ repo, root }, source, target)
      assert.deepEqual(troublesOf(result), [`refused ${join(source, 'a.txt')}`])
      assert.deepEqual(readdirSync(join(target, 'sub')).sort(), ['b.txt', 'deep', 'hard', 'link'])
    } finally {
      system('/', 'umount', join(target, 'sub'))
    }
  })
})

test('a target that this user may not write to ends with the exit code for that and the name of the target', async (t) => {
  if (!requireRunnableAs(t, NOBODYS_UID)) return
  const folder = tempFolder(t, 'refused')
  const operator = new Operator(folder, await ScratchRepository.create(folder))
  const source = join(folder, 'photos')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'a.raw'), 'a photo')
  writeFileSync(join(source, 'sub', 'b.raw'), 'a photo')
  assert.equal(operator.run(['backup', source]).status, 0)
  system('/', 'chown', '-R', String(NOBODYS_UID), folder)
  const target = join(folder, 'target')
  mkdirSync(target)
  const as: RunOptions = { uid: NOBODYS_UID, env: { NODE_COMPILE_CACHE: undefined } }
  for (const place of [target, join(target, 'new')]) {
    for (const more of [[], ['--dry-run']]) {
      const run = operator.run(['restore', `latest:${source}`, '--target', place, ...more], as)
      assert.equal(run.status, 9, run.stderr)
      assert.match(run.stderr, new RegExp(`^holdfast: .*: ${place}$`, 'm'))
      assert.match(run.stderr, /^ {2}because EACCES/m)
    }
  }
  assert.deepEqual(readdirSync(target), [])

  mkdirSync(join(target, 'sub'))
  system('/', 'chown', String(NOBODYS_UID), join(target, 'sub'))
  const some = operator.run(['restore', `latest:${source}`, '--target', target], as)
  assert.equal(some.status, 3, some.stderr)
  assert.deepEqual(readdirSync(join(target, 'sub')), ['b.raw'])
  const owners = `${some.stdout}${some.stderr}`.split('\n').filter((line) => line.includes('owner'))
  assert.equal(owners.length, 1, owners.join('\n'))
  assert.match(owners[0]!, /^warning: owner could not be restored for \d items?: this user may not set owners: /)
})

test('attributes that could not be corrected are not counted as corrected', async (t) => {
  if (!requireRoot(t)) return
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  system('/', 'chmod', 'a+x', join(target, '..'))
  system('/', 'chown', '-h', '1234', join(target, 'sub/b.txt'), join(target, 'sub/link'))
  process.seteuid!(NOBODYS_UID)
  try {
    const result = await restored({ repo, root }, source, target)
    assert.deepEqual([result.counts.attributes, troublesOf(result)], [0, []])
    assert.deepEqual(
      result.warnings.map((warning) => [warning.class, warning.count]),
      [['owner', 2]],
    )
  } finally {
    process.seteuid!(0)
  }
})

const NOBODYS_UID = 12345

/** Runs `step` with a file system of its own mounted at `target`. */
async function readOnly(t: TestContext, target: string, step: () => Promise<void>): Promise<void> {
  if (!requireRoot(t)) return
  if (!trySystem('/', 'mount', '-t', 'tmpfs', 'none', target)) return void missing(t, 'mount')
  try {
    await step()
  } finally {
    system('/', 'umount', target)
  }
}
