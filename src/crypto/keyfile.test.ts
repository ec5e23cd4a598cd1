import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3 } from '@noble/hashes/blake3.js'
import { toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { initHashing } from './hash.ts'
import { formatKeyFile, keyFileId, keyFileSealingKey, newKeyFileSecret, parseKeyFile } from './keyfile.ts'

await initHashing()

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at * 8)
const DIGITS = toHex(SECRET)

test('a key file is one line of text', () => {
  assert.equal(formatKeyFile(SECRET), `holdfast-key-1 ${DIGITS}\n`)
})

test('what was written is read again', () => {
  const secret = newKeyFileSecret(secureRandom)
  assert.deepEqual(parseKeyFile(utf8(formatKeyFile(secret)), 'k'), secret)
})

test('white space that an editor leaves does not matter', () => {
  for (const text of [`holdfast-key-1 ${DIGITS}`, `holdfast-key-1 ${DIGITS}\r\n`, `\n holdfast-key-1 ${DIGITS} \n\n`]) {
    assert.deepEqual(parseKeyFile(utf8(text), 'k'), SECRET)
  }
})

test('everything else is refused with the path and without its content', () => {
  const cases: [string, string][] = [
    ['', 'usage'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'usage'],
    [DIGITS, 'usage'],
    [`holdfast-key-1 ${DIGITS}${' '.repeat(200)}`, 'usage'],
    [`holdfast-key-2 ${DIGITS}`, 'unsupported'],
    [`holdfast-key-1 ${DIGITS.slice(1)}`, 'corrupt'],
    [`holdfast-key-1 ${DIGITS.slice(2)}`, 'corrupt'],
    [`holdfast-key-1 ${DIGITS}00`, 'corrupt'],
    [`holdfast-key-1 ${DIGITS.slice(1)}x`, 'corrupt'],
    [`holdfast-key-1 ${DIGITS.toUpperCase()}`, 'corrupt'],
    [`holdfast-key-1 ${DIGITS.slice(0, 32)} ${DIGITS.slice(32)}`, 'corrupt'],
  ]
  for (const [text, code] of cases) {
    assert.throws(
      () => parseKeyFile(utf8(text), '/etc/holdfast.key'),
      (error: unknown) => {
        assert.ok(error instanceof BackupError)
        assert.equal(error.code, code, text)
        assert.equal(error.subject, '/etc/holdfast.key')
        assert.ok(!`${error.message} ${error.hint}`.includes(DIGITS.slice(40, 60)))
        return true
      },
    )
  }
})

test('sealing key and id are derived as the format says', () => {
  const derived = (context: string) => blake3(SECRET, { context: utf8(context) })
  assert.deepEqual(keyFileSealingKey(SECRET), derived('holdfast 1 key file'))
  assert.deepEqual(keyFileId(SECRET), blake3(derived('holdfast 1 key file id')).slice(0, 16))
})
