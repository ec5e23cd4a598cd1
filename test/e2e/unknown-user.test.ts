// A user id without a name, as containers have and as it is while a directory server does not answer.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Operator, requireRunnableAs } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

const NOBODYS_UID = 12345

test('a user id without a name backs up; the environment names the user, or else the number does', async (t) => {
  if (!requireRunnableAs(t, NOBODYS_UID)) return
  const folder = tempFolder(t, 'user')
  const operator = new Operator(folder, await ScratchRepository.create(folder))
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo')
  system('/', 'chown', '-R', String(NOBODYS_UID), folder)
  const userOf = (env: Record<string, string | undefined>) => {
    const { status, stdout, stderr } = operator.run(['backup', '--json', source], {
      uid: NOBODYS_UID,
      env: { NODE_COMPILE_CACHE: undefined, USER: undefined, LOGNAME: undefined, ...env },
    })
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout.trim().split('\n').at(-1)!).user as string
  }
  assert.equal(userOf({ USER: 'ann', LOGNAME: 'bob' }), 'ann')
  assert.equal(userOf({ USER: '', LOGNAME: 'bob' }), 'bob')
  assert.equal(userOf({}), String(NOBODYS_UID))
})
