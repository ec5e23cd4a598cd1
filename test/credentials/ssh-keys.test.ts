// SSH keys as files have them: what is damaged or made to do harm is an error that names the file, never a bug.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { forAgeRecipients, parseAgeRecipient } from '../../src/credentials/age-recipient.ts'
import { parseSshPrivateKey } from '../../src/credentials/ssh-private-key.ts'
import { parseSshPublicKey } from '../../src/credentials/ssh-public-key.ts'
import { asking } from '../support/asking.ts'
import { wrappedSecrets } from '../support/wrapped-secrets.ts'

const { age } = wrappedSecrets()
const PLAIN = ['an ssh-ed25519 key', 'an ssh-rsa key']

function openSsh(bytes: Uint8Array): string {
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from(bytes).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

function bytesOf(identity: string): Buffer {
  return Buffer.from(identity.split('\n').slice(1, -2).join(''), 'base64')
}

/** Runs `step`, which may succeed or say what is wrong with `id`. */
function succeedsOrNames(step: () => unknown, where: string): void {
  try {
    step()
  } catch (error) {
    assert.ok(error instanceof BackupError && error.subject === 'id', `${where}: ${String(error)}`)
  }
}

for (const name of PLAIN) {
  const { identity, recipient } = age.find((each) => each.name === name)!
  const bytes = bytesOf(identity)

  test(`${name} with any byte changed or cut off is read or refused by name`, () => {
    const step = Math.ceil(bytes.length / 600)
    for (let at = 0; at < bytes.length; at += step) {
      for (const mask of [0xff, 0x01]) {
        const damaged = Uint8Array.from(bytes)
        damaged[at]! ^= mask
        succeedsOrNames(() => parseSshPrivateKey(openSsh(damaged), 'id').decrypt(''), `byte ${at}`)
      }
      succeedsOrNames(() => parseSshPrivateKey(openSsh(bytes.subarray(0, at)), 'id').decrypt(''), `cut at ${at}`)
    }
  })

  test(`the public half of ${name} with any byte changed is read or refused by name`, () => {
    const [type, encoded] = recipient.split(' ')
    const wire = Buffer.from(encoded!, 'base64')
    for (let at = 0; at < wire.length; at++) {
      const damaged = Buffer.from(wire)
      damaged[at]! ^= 0xff
      succeedsOrNames(() => parseSshPublicKey(`${type} ${damaged.toString('base64')}`, 'id'), `byte ${at}`)
    }
  })

  test(`${name} says the same each time it is decrypted`, () => {
    const file = parseSshPrivateKey(identity, 'id')
    assert.deepEqual(file.decrypt(''), file.decrypt(''))
  })
}

test('an Ed25519 point of small order is no recipient: everybody would know the key', async () => {
  for (const y of [0n, 1n, 2n ** 255n - 20n]) {
    const point = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
    const part = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
    const wire = Buffer.concat([part(Buffer.from('ssh-ed25519')), part(point)])
    await assert.rejects(async () => {
      const recipient = await parseAgeRecipient(`ssh-ed25519 ${wire.toString('base64')}`, 'id', { ask: asking() })
      await forAgeRecipients([recipient]).wrap(new Uint8Array(32), secureRandom)
    }, BackupError)
  }
})

test('a key with 2^31 rounds of bcrypt, or two keys in one file, is refused at once', () => {
  const { identity } = age.find((each) => each.name.includes('aes256-ctr'))!
  const bytes = bytesOf(identity)
  // bcrypt | length of the options (24) | length of the salt (16) | salt | rounds
  const rounds = bytes.indexOf('bcrypt') + 6 + 4 + 4 + 16
  const dear = Buffer.from(bytes)
  dear.writeUInt32BE(2 ** 31, rounds)
  const begin = performance.now()
  assert.throws(() => parseSshPrivateKey(openSsh(dear), 'id').decrypt('x'), /2147483648 rounds of bcrypt: id/)
  assert.ok(performance.now() - begin < 1000)
  const two = Buffer.from(bytes)
  two.writeUInt32BE(2, rounds + 4)
  assert.throws(() => parseSshPrivateKey(openSsh(two), 'id'), /several SSH keys: id/)
})
