import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, utf8 } from '../base/bytes.ts'
import { bcryptPbkdf } from './bcrypt-pbkdf.ts'

// From the regression tests of OpenBSD (regress/lib/libutil/bcrypt_pbkdf).
test('the key of a passphrase is that of OpenBSD', () => {
  const key = bcryptPbkdf(utf8('password'), utf8('salt'), 32, 4)
  assert.equal(toHex(key), '5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9')
})

test('salt, rounds and passphrase all count, and a longer key is not a shorter one continued', () => {
  const key = (passphrase: string, salt: string, length: number, rounds: number) =>
    toHex(bcryptPbkdf(utf8(passphrase), utf8(salt), length, rounds))
  const keys = [
    key('password', 'salt', 32, 1),
    key('passwore', 'salt', 32, 1),
    key('password', 'sale', 32, 1),
    key('password', 'salt', 32, 2),
    key('password', 'salt', 48, 1).slice(0, 64),
  ]
  assert.equal(new Set(keys).size, keys.length)
})
