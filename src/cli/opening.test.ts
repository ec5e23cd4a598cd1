import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../base/errors.ts'
import type { Credential } from '../credentials/credential.ts'
import type { Role } from '../format/bundle.ts'
import type { Context } from './context.ts'
import { checkTask, opening } from './opening.ts'
import type { FoundCredential } from './secrets.ts'

const RESTORING: Pick<Context, 'task'> = { task: { command: 'restore', need: 'files' } }
const secret = (passphrase: string): Credential => ({ kind: 'passphrase', passphrase })
const nobody = () => Promise.reject(new BackupError('usage', 'nobody to ask', 'HOLDFAST_PASSWORD'))

/** Opens as the role that the passphrase names; `nothing` opens nothing. */
const step = async (credential: Credential, { description }: FoundCredential) => {
  const role = 'passphrase' in credential ? credential.passphrase : ''
  if (role === 'nothing') throw new BackupError('wrong-key', 'opens no key slot', 'repo')
  checkTask(RESTORING, role as Role, 'repo', description)
  return role
}

test('where the key of a machine may not do it, another one is asked for, with the reason', async () => {
  const asked: (string | undefined)[] = []
  const found: FoundCredential = {
    credential: secret('write'),
    description: 'the key of this machine',
    otherwise: async (why) => {
      asked.push(why)
      return { credential: secret('admin') }
    },
  }
  assert.equal(await opening(found, 'repo', step), 'admin')
  assert.match(
    asked.join(),
    /`holdfast restore` takes a key that can read files, and the key of this machine has the role write/,
  )
})

test('where nobody can be asked, the error is about the key that was there', async () => {
  const found = { credential: secret('write'), description: 'the key of this machine', otherwise: nobody }
  await assert.rejects(opening(found, 'repo', step), { code: 'wrong-key', hint: /a key of the role admin or read$/ })
  const removed = { ...found, credential: secret('nothing') }
  await assert.rejects(opening(removed, 'repo', step), { code: 'usage' })
  const refused = async () => new BackupError('wrong-key', 'was let in, and its key was removed', 'repo')
  await assert.rejects(opening({ ...removed, refused }, 'repo', step), { code: 'wrong-key', message: /was removed/ })
})

test('a credential that somebody has given is not replaced by another', async () => {
  const given = { credential: secret('report'), description: 'the key file from --key-file' }
  await assert.rejects(opening(given, 'repo', step), {
    code: 'wrong-key',
    message: /the key file from --key-file has the role report: repo/,
  })
  await assert.rejects(opening({ ...given, credential: secret('nothing') }, 'repo', step), {
    message: 'opening with the key file from --key-file: repo',
  })
})
