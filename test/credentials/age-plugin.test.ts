// Plugins of age: a real process that speaks the protocol, with this code and with the real age on the other side.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { parseIdentityFile } from '../../src/credentials/age-identity.ts'
import { forAgeRecipients, parseAgeRecipient } from '../../src/credentials/age-recipient.ts'
import { ageUnlocker } from '../../src/credentials/age-unlocker.ts'
import type { SlotMethod } from '../../src/format/slot-kinds.ts'
import { installToyPlugin, toyIdentity, toyRecipient, WANTS } from '../support/age-plugin-toy.ts'
import { asking } from '../support/asking.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)

function withToy(t: TestContext): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = tempFolder(t, 'plugin')
  installToyPlugin(folder)
  return { folder, env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` } }
}

async function toySlot(env: NodeJS.ProcessEnv): Promise<Extract<SlotMethod, { kind: 'age' }>> {
  const recipient = await parseAgeRecipient(toyRecipient(), 'flag', { ask: asking(), env })
  const method = await forAgeRecipients([recipient]).wrap(SECRET, secureRandom)
  assert.ok(method.kind === 'age')
  return method
}

async function open(method: SlotMethod, wants: number, env: NodeJS.ProcessEnv, ...answers: (string | null)[]) {
  const ask = asking(...answers)
  const identities = await parseIdentityFile(utf8(toyIdentity(wants)), 'id', { ask, env })
  return { ask, secret: await ageUnlocker(identities, 'x').unwrap(method, 'keys/x') }
}

function says(message: RegExp, code = 'io') {
  return (error: unknown) => {
    assert.ok(error instanceof BackupError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

test('a slot is made and opened by a plugin, which may ask, tell and want a confirmation', async (t) => {
  const { env } = withToy(t)
  const method = await toySlot(env)
  assert.deepEqual((await open(method, 0, env)).secret, SECRET)
  const all = WANTS.message | WANTS.pin | WANTS.text | WANTS.confirmation
  const { ask, secret } = await open(method, all, env, '1234', 'toy', 'Play')
  assert.deepEqual(secret, SECRET)
  assert.deepEqual(ask.heard, [
    'toy: touch the toy',
    'toy: PIN of the toy',
    'toy: name of the toy',
    'toy: play with it? [Play/Stop]',
  ])
})

test('what the person does not give, the plugin does not get', async (t) => {
  const { env } = withToy(t)
  const method = await toySlot(env)
  assert.equal((await open(method, WANTS.pin, env, '1111')).secret, null)
  assert.equal((await open(method, WANTS.pin, env)).secret, null)
  assert.equal((await open(method, WANTS.confirmation, env, 'Stop')).secret, null)
})

test('what a plugin complains of is told; one that dies or is not there too', async (t) => {
  const { env, folder } = withToy(t)
  const method = await toySlot(env)
  await assert.rejects(open(method, WANTS.failure, env), says(/says: the toy is not plugged in: age-plugin-toy/))
  await assert.rejects(open(method, WANTS.death, env), says(/ended early \(the toy is broken\)/))
  const without = { ...env, PATH: '/nowhere' }
  await assert.rejects(open(method, 0, without), says(/no such plugin of age: age-plugin-toy/, 'not-found'))
  await assert.rejects(toySlot(without), says(/no such plugin/, 'not-found'))
  const program = (text: string) => {
    writeFileSync(join(folder, 'age-plugin-toy'), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, 'age-plugin-toy'), 0o755)
  }
  program('exec yes -- nonsense')
  await assert.rejects(open(method, 0, env), says(/does not keep to the protocol/))
  program('exec tr "\\0" x < /dev/zero')
  await assert.rejects(open(method, 0, env), says(/endless line/, 'limit'))
  program("while :; do printf -- '-> msg\\n\\n'; done")
  await assert.rejects(open(method, 0, env), says(/does not come to an end/))
})

test('the real age opens what the plugin wrapped here, and the other way round', async (t) => {
  if (!requireCommand(t, 'age')) return
  const { env, folder } = withToy(t)
  const [slot, identity, foreign] = ['slot.age', 'id.txt', 'foreign.age'].map((name) => join(folder, name))
  writeFileSync(slot!, (await toySlot(env)).file)
  writeFileSync(identity!, `${toyIdentity()}\n`)
  const opened = spawnSync('age', ['-d', '-i', identity!, slot!], { env })
  assert.equal(opened.status, 0, opened.stderr.toString())
  assert.deepEqual(new Uint8Array(opened.stdout), SECRET)
  const made = spawnSync('age', ['-r', toyRecipient(), '-o', foreign!], { env, input: SECRET })
  assert.equal(made.status, 0, made.stderr.toString())
  const { secret } = await open({ kind: 'age', file: new Uint8Array(readFileSync(foreign!)) }, 0, env)
  assert.equal(toHex(secret!), toHex(SECRET))
})
