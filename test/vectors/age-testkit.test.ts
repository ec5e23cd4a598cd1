// The test kit of age (C2SP/CCTV) through the code that opens key slots: headers as they are there, with the payload that a
// slot has sealed under the file key of each case. Cases about payloads of other lengths are left out, as a slot has one of 64
// bytes; of armored files and passphrases there is one case each, since slots have neither.
import assert from 'node:assert/strict'
import { createCipheriv, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { parseIdentityFile } from '../../src/credentials/age-identity.ts'
import { asking } from '../support/asking.ts'
import { ageUnlocker } from '../../src/credentials/age-unlocker.ts'

interface KitCase {
  readonly name: string
  readonly expect: string
  /** Hex. */
  readonly fileKey?: string
  readonly identities: readonly string[]
  /** All bytes up to the payload, base64. */
  readonly header: string
}

const { origin, tests } = JSON.parse(readFileSync(new URL('age/testkit.json', import.meta.url), 'utf8')) as {
  readonly origin: string
  readonly tests: readonly KitCase[]
}

const SECRET = new Uint8Array(32).fill(7)

/** The payload of a slot (docs/format.md, 3.6): nonce, then the secret in the one and last chunk of STREAM. */
function payload(fileKey: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(16).fill(9)
  const key = new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
  const last = new Uint8Array(12)
  last[11] = 1
  const cipher = createCipheriv('chacha20-poly1305', key, last, { authTagLength: 16 })
  return Buffer.concat([nonce, cipher.update(SECRET), cipher.final(), cipher.getAuthTag()])
}

/** What our code says: the secret in hex, `none` for no slot of these identities, or the code of the error. */
async function outcome({ fileKey, identities, header }: KitCase): Promise<string> {
  const file = Buffer.concat([Buffer.from(header, 'base64'), payload(fromHex(fileKey ?? '00'.repeat(16))!)])
  // Cases for a passphrase have none: then any will do, as it must not come to trying it.
  const text = (identities.length > 0 ? identities : ANY_IDENTITY).join('\n')
  try {
    const parsed = await parseIdentityFile(Buffer.from(text), 'kit', { ask: asking() })
    const secret = await ageUnlocker(parsed, 'the kit').unwrap({ kind: 'age', file: new Uint8Array(file) }, 'keys/x')
    return secret === null ? 'none' : toHex(secret)
  } catch (error) {
    if (error instanceof BackupError) return error.code
    throw error
  }
}

const ANY_IDENTITY = tests.find(({ name }) => name === 'x25519')!.identities

/** What a slot must refuse, whatever age says of it: armor, and stanzas for a passphrase. */
function isRefused({ name, header }: KitCase): boolean {
  return name.startsWith('armor') || Buffer.from(header, 'base64').includes('\n-> scrypt ')
}

function isRight(one: KitCase, got: string): boolean {
  if (isRefused(one)) return got === 'limit' || got === 'corrupt'
  if (one.expect === 'success') return got === toHex(SECRET)
  return got === (one.expect === 'no match' ? 'none' : 'corrupt')
}

test(`the test kit of age, ${tests.length} cases`, async () => {
  assert.match(origin, /^C2SP\/CCTV age/)
  const wrong: string[] = []
  for (const one of tests) {
    const got = await outcome(one)
    if (!isRight(one, got)) wrong.push(`${one.name}: ${one.expect}, and here ${got}`)
  }
  assert.deepEqual(wrong, [])
})
