// Age slots with the real age and ssh-keygen, on keys made for the occasion.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { parseIdentityFile } from '../../src/credentials/age-identity.ts'
import { forAgeRecipients, parseAgeRecipients } from '../../src/credentials/age-recipient.ts'
import { ageUnlocker } from '../../src/credentials/age-unlocker.ts'
import { asking } from '../support/asking.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)

function run(program: string, args: readonly string[], input?: Uint8Array): Uint8Array {
  const ended = spawnSync(program, args, { input })
  assert.equal(ended.status, 0, `${program} ${args.join(' ')}: ${ended.stderr?.toString()}`)
  return new Uint8Array(ended.stdout)
}

test('age and this code open each other’s files, for its own keys and for those of ssh-keygen', async (t) => {
  if (!requireCommand(t, 'age') || !requireCommand(t, 'age-keygen') || !requireCommand(t, 'ssh-keygen')) return
  const folder = tempFolder(t, 'interop')
  const at = (name: string) => join(folder, name)
  run('age-keygen', ['-o', at('native')])
  writeFileSync(at('native.pub'), run('age-keygen', ['-y', at('native')]))
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('ed25519')])
  run('ssh-keygen', ['-q', '-t', 'rsa', '-b', '3072', '-N', '', '-f', at('rsa')])
  for (const name of ['native', 'ed25519', 'rsa']) {
    const recipients = await parseAgeRecipients(readFileSync(at(`${name}.pub`), 'utf8'), name, { ask: asking() })
    const method = await forAgeRecipients(recipients).wrap(SECRET, secureRandom)
    assert.ok(method.kind === 'age')
    assert.deepEqual(run('age', ['-d', '-i', at(name)], method.file), SECRET, name)

    const file = run('age', ['-R', at(`${name}.pub`)], SECRET)
    const identities = await parseIdentityFile(readFileSync(at(name)), name, { ask: asking() })
    assert.deepEqual(await ageUnlocker(identities, name).unwrap({ kind: 'age', file }, 'keys/x'), SECRET, name)
  }
})

test('every cipher of ssh-keygen that OpenSSL has is read', async (t) => {
  if (!requireCommand(t, 'ssh-keygen')) return
  const folder = tempFolder(t, 'ciphers')
  const ciphers = [
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'aes128-cbc',
    'aes256-cbc',
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
  ]
  for (const cipher of ciphers) {
    const file = join(folder, cipher)
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'geheim ü', '-a', '2', '-Z', cipher, '-f', file])
    const recipients = await parseAgeRecipients(readFileSync(`${file}.pub`, 'utf8'), file, { ask: asking() })
    const method = await forAgeRecipients(recipients).wrap(SECRET, secureRandom)
    const identities = await parseIdentityFile(readFileSync(file), file, { ask: asking('wrong', 'geheim ü') })
    assert.deepEqual(await ageUnlocker(identities, file).unwrap(method, 'keys/x'), SECRET, cipher)
  }
})
