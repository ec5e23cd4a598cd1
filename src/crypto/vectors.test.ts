import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { hash, initHashing } from './hash.ts'
import { decapsulate, kemPublicKey } from './kem.ts'
import { keyFileId, keyFileSealingKey, parseKeyFile } from './keyfile.ts'
import { passphraseKey } from './passphrase.ts'
import { Sealer } from './seal.ts'
import type { Suite } from './seal.ts'

await initHashing()

interface Vectors {
  sealing: {
    key: string
    repoId: string
    parts: { suite: Suite; type: number; context: string; plaintext: string; sealed: string }[]
  }
  encapsulation: { privateKey: string; publicKeyHash: string; ct: string; wrapKey: string }
  passphrase: {
    passphraseDecomposed: string
    salt: string
    memoryKiB: number
    passes: number
    lanes: number
    key: string
  }
  keyFile: { text: string; sealingKey: string; id: string }
}

const path = new URL('../../test/vectors/crypto.json', import.meta.url)
const vectors = JSON.parse(readFileSync(path, 'utf8')) as Vectors
const bytes = (hex: string) => fromHex(hex)!

for (const { suite, type, context, plaintext, sealed } of vectors.sealing.parts) {
  test(`vector: suite ${suite} seals ${plaintext.length / 2} bytes as type ${type}`, () => {
    const sealer = new Sealer(bytes(vectors.sealing.key), bytes(vectors.sealing.repoId), suite)
    assert.equal(toHex(sealer.seal(type, bytes(context), bytes(plaintext))), sealed)
    assert.equal(toHex(sealer.open(type, bytes(context), bytes(sealed), 'vector')), plaintext)
  })
}

test('vector: a wrap key is got out of its encapsulation', () => {
  const { privateKey, publicKeyHash, ct, wrapKey } = vectors.encapsulation
  assert.equal(toHex(hash(kemPublicKey(bytes(privateKey)))), publicKeyHash)
  assert.equal(toHex(decapsulate(bytes(privateKey), bytes(ct))), wrapKey)
})

test('vector: the key of a passphrase', async () => {
  const { passphraseDecomposed, salt, key, ...cost } = vectors.passphrase
  assert.equal(toHex(await passphraseKey(passphraseDecomposed, { salt: bytes(salt), ...cost })), key)
})

test('vector: a key file', () => {
  const { text, sealingKey, id } = vectors.keyFile
  const secret = parseKeyFile(utf8(text), 'vector')
  assert.equal(toHex(keyFileSealingKey(secret)), sealingKey)
  assert.equal(toHex(keyFileId(secret)), id)
})
