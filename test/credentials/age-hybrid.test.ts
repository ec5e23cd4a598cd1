// The slot of an enrolled machine, opened without the library of age.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import type { Unlocker } from '../../src/credentials/credential.ts'

const IDENTITY = 'AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG'
/** Made for it with `age-encryption`; its secret is 32 bytes of 7. */
const FILE = new Uint8Array(readFileSync(new URL('age-hybrid-slot.age', import.meta.url)))

registerHooks({
  resolve(specifier, context, next) {
    assert.notEqual(specifier, 'age-encryption', 'the library is not needed')
    return next(specifier, context)
  },
})

async function unlocker(): Promise<Unlocker> {
  const { machineCredential } = await import('../../src/cli/machine-key.ts')
  return machineCredential({ seed: utf8(''), identity: IDENTITY })
}

test('a machine opens its slot without loading a library for that', async () => {
  const secret = await (await unlocker()).unwrap({ kind: 'age', file: FILE }, 'keys/x')
  assert.equal(toHex(secret!), '07'.repeat(32))
})

test('a slot of a machine with a byte changed opens not, and what is wrong names the slot', async () => {
  const { unwrap } = await unlocker()
  // Nearly all of it is the one share, whose bytes are all alike.
  for (let at = 0; at < FILE.length; at += at > 60 && at < FILE.length - 180 ? 37 : 1) {
    const damaged = Uint8Array.from(FILE)
    damaged[at]! ^= 1
    let opened: Uint8Array | null = null
    try {
      opened = await unwrap({ kind: 'age', file: damaged }, 'keys/x')
    } catch (error) {
      assert.ok(error instanceof BackupError && error.subject === 'keys/x', `byte ${at}: ${String(error)}`)
      assert.ok(['corrupt', 'limit'].includes(error.code))
    }
    assert.equal(opened, null, `byte ${at} does not count`)
  }
})
