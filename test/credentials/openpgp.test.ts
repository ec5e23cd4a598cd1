// OpenPGP slots, with the real gpg.
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { checkOpenPgpMessage } from '../../src/credentials/openpgp-message.ts'
import { forOpenPgpKeys, openPgpUnlocker } from '../../src/credentials/openpgp.ts'
import type { SlotMethod } from '../../src/format/slot-kinds.ts'
import { GnupgHome } from '../support/gnupg-home.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { bytesOfHex, wrappedSecrets } from '../support/wrapped-secrets.ts'

const { secret, openpgp } = wrappedSecrets()

function isError(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof BackupError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

async function slotFor(keys: string[], { env }: GnupgHome): Promise<Extract<SlotMethod, { kind: 'openpgp' }>> {
  const method = await (await forOpenPgpKeys(keys, { env })).wrap(bytesOfHex(secret), secureRandom)
  assert.ok(method.kind === 'openpgp')
  return method
}

test('a slot opens with a key of gpg, one that gpg made by itself too', async (t) => {
  const home = GnupgHome.create(t)
  if (home === null) return
  const [known] = openpgp
  home.run(['--import'], known!.key)
  const unlocker = openPgpUnlocker(home)
  const made = await unlocker.unwrap({ kind: 'openpgp', message: bytesOfHex(known!.message) }, 'keys/x')
  assert.equal(toHex(made!), secret)
  const own = await slotFor(['vectors@example.org'], home)
  assert.equal(toHex((await unlocker.unwrap(own, 'keys/x'))!), secret)
  assert.equal(toHex(home.run(['--decrypt'], own.message)), secret, 'gpg opens it without us')
})

test('a slot for several keys opens with each; without any of them it is for somebody else', async (t) => {
  const [ann, bob, eve] = [GnupgHome.create(t), GnupgHome.create(t), GnupgHome.create(t)]
  if (ann === null || bob === null || eve === null) return
  ann.newKey('Ann <ann@example.org>')
  bob.newKey('Bob <bob@example.org>')
  eve.newKey('Eve <eve@example.org>')
  ann.run(['--import'], bob.run(['--export', 'bob@example.org']))
  const method = await slotFor(['ann@example.org', 'bob@example.org'], ann)
  for (const home of [ann, bob]) {
    assert.equal(toHex((await openPgpUnlocker(home).unwrap(method, 'keys/x'))!), secret)
  }
  assert.equal(await openPgpUnlocker(eve).unwrap(method, 'keys/x'), null)
})

test('a key is named so that only one can be meant, and is listed by its fingerprint', async (t) => {
  const home = GnupgHome.create(t)
  if (home === null) return
  home.newKey('Ann <ann@example.org>')
  home.newKey('Ann at work <ann@work.example.org>')
  const { detail } = await forOpenPgpKeys(['ann@example.org'], home)
  assert.match(detail, /^[0-9A-F]{40} Ann <ann@example\.org>$/)
  await assert.rejects(forOpenPgpKeys(['Ann'], home), isError('usage', /2 keys of this name: Ann/))
  await assert.rejects(forOpenPgpKeys(['nobody'], home), isError('not-found', /no such key: nobody/))
  await assert.rejects(forOpenPgpKeys(['--list-keys'], home), isError('not-found', /no such key/))
})

test('a key that has expired, or cannot encrypt, is refused with the reason; beside one that can it is not meant', async (t) => {
  const home = GnupgHome.create(t)
  if (home === null) return
  const make = (address: string, algorithm: string, usage: string, until: string) =>
    home.run(
      ['--faked-system-time', '20200101T000000!', '--passphrase', '', '--quick-generate-key'].concat(
        address,
        algorithm,
        usage,
        until,
      ),
    )
  make('old@example.org', 'rsa2048', 'sign,encrypt', '1d')
  make('signer@example.org', 'ed25519', 'sign', 'never')
  await assert.rejects(forOpenPgpKeys(['old@example.org'], home), isError('usage', /has expired: old@example.org/))
  await assert.rejects(forOpenPgpKeys(['signer@example.org'], home), isError('usage', /cannot encrypt: signer@/))
  home.newKey('Old <old@example.org>')
  assert.match((await forOpenPgpKeys(['old@example.org'], home)).detail, /Old <old@example\.org>$/)
})

test('without gpg, with one that fails and with a damaged message there is an error that says so', async (t) => {
  const home = GnupgHome.create(t)
  if (home === null) return
  home.run(['--import'], openpgp[0]!.key)
  const message = bytesOfHex(openpgp[0]!.message)
  const open = (gpg: Parameters<typeof openPgpUnlocker>[0], bytes = message) =>
    openPgpUnlocker(gpg).unwrap({ kind: 'openpgp', message: bytes }, 'keys/x')
  await assert.rejects(open({ program: 'gpg-not-here' }), isError('not-found', /not installed: gpg-not-here/))
  const damaged = Uint8Array.from(message)
  damaged[damaged.length - 5]! ^= 1
  await assert.rejects(open(home, damaged), isError('io', /decrypting with gpg failed .*keys\/x/))
  const folder = tempFolder(t, 'gpg')
  const program = join(folder, 'gpg')
  writeFileSync(program, '#!/bin/sh\nexec cat /dev/zero\n')
  chmodSync(program, 0o755)
  await assert.rejects(open({ program }), isError('limit', /says more than 32 bytes/))
})

test('a message that is not for public keys alone never reaches gpg', async (t) => {
  const home = GnupgHome.create(t)
  if (home === null) return
  const check = (bytes: Uint8Array) => checkOpenPgpMessage(bytes, 'keys/x')
  const symmetric = home.run(['--passphrase', 'x', '--pinentry-mode', 'loopback', '--symmetric'], bytesOfHex(secret))
  assert.throws(() => check(symmetric), isError('corrupt', /type 3/))
  await assert.rejects(
    openPgpUnlocker(home).unwrap({ kind: 'openpgp', message: symmetric }, 'keys/x'),
    isError('corrupt', /type 3/),
  )
  const message = bytesOfHex(openpgp[0]!.message)
  check(message)
  const keyPacket = message.subarray(0, 2 + message[1]!)
  assert.throws(() => check(Buffer.concat([...Array<Uint8Array>(65).fill(keyPacket), message])), isError('limit', /64/))
  assert.throws(() => check(message.subarray(keyPacket.length)), isError('corrupt', /for no key/))
  assert.throws(() => check(keyPacket), isError('corrupt', /cut off/))
  assert.throws(() => check(new Uint8Array()), isError('corrupt', /cut off/))
  for (let end = 0; end < keyPacket.length; end++) assert.throws(() => check(message.subarray(0, end)), BackupError)
})
