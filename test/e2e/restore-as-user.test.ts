// Who is not root cannot restore everything: a dry run says so beforehand, in the same words as the restore.
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Operator, requireRunnableAs } from '../support/operator.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

const USER = 12345

test('a dry run of a user warns of owners, devices, setuid bits and locks as the restore does', async (t) => {
  if (!requireRunnableAs(t, USER)) return
  const folder = tempFolder(t, 'user')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  for (const name of ['own', 'setuid', 'sub/foreign']) writeFileSync(join(source, name), name)
  chownSync(join(source, 'own'), USER, 0)
  chmodSync(join(source, 'setuid'), 0o4755)
  system(source, 'mknod', 'device', 'c', '1', '3')
  system(source, 'setfattr', '-n', 'trusted.test', '-v', '1', 'own')
  await backUp(scratch, [source])
  system('/', 'chown', '-R', String(USER), scratch.location, scratch.keyFile, operator.home)
  chmodSync(folder, 0o755)
  const run = (...flags: string[]) => {
    const args = ['restore', `latest:${source}`, '--target', join(operator.home, 'out'), '--json', ...flags]
    const { status, stdout, stderr } = operator.run(args, { uid: USER, env: { NODE_COMPILE_CACHE: undefined } })
    assert.equal(status, 0, stderr)
    const { warnings, specials } = JSON.parse(stdout.trim().split('\n').at(-1)!)
    return {
      specials,
      classes: warnings.map((each: Record<string, unknown>) => `${each['class']} ${each['count']}`).sort(),
    }
  }
  const foreseen = run('--dry-run')
  const real = run()
  assert.deepEqual(foreseen, real)
  assert.deepEqual(foreseen.classes, ['mode 1', 'owner 4', 'special files 1', 'xattrs 1'])
  assert.equal(run('--dry-run', '--no-owner').classes.includes('owner 4'), false)
  // What is there already is looked at as well.
  const told = () => run('--dry-run').classes.filter((each: string) => /^(?:owner|special)/.test(each))
  assert.deepEqual(told(), ['owner 3', 'special files 1'])
  assert.deepEqual(
    run().classes.filter((each: string) => /^(?:owner|special)/.test(each)),
    ['owner 3', 'special files 1'],
  )
})
