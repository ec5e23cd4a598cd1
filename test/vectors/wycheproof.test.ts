// Known answers of Project Wycheproof for the algorithms that this code uses, as it calls them: chosen cases with keys,
// nonces and tags of the sizes that it has. Each file names its origin and keeps the numbers of the cases.
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, createPrivateKey, decapsulate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { verifySignature } from '../../src/crypto/signing.ts'
import { isOfSmallOrder, x25519 } from '../../src/credentials/x25519.ts'

type Case<Field extends string> = { readonly [key in Field]: string } & { readonly tcId: number }

function casesOf<Field extends string>(name: string): readonly Case<Field>[] {
  const { origin, tests } = JSON.parse(readFileSync(new URL(`wycheproof/${name}.json`, import.meta.url), 'utf8')) as {
    origin: string
    tests: readonly Case<Field>[]
  }
  assert.match(origin, /^C2SP\/wycheproof/)
  return tests
}

const bytes = (hex: string) => fromHex(hex)!
const TAG = { authTagLength: 16 } // as in src/crypto/seal.ts

for (const name of ['aes-256-gcm', 'chacha20-poly1305'] as const) {
  test(`${name} seals and opens the known answers, and refuses changed tags`, () => {
    for (const one of casesOf<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag' | 'result'>(name)) {
      const [key, iv, aad, text] = [one.key, one.iv, one.aad, one.msg].map(bytes)
      const cipher =
        name === 'aes-256-gcm' ? createCipheriv(name, key!, iv!, TAG) : createCipheriv(name, key!, iv!, TAG)
      cipher.setAAD(aad!, { plaintextLength: text!.length })
      const sealed = toHex(Buffer.concat([cipher.update(text!), cipher.final()]))
      const valid = one.result === 'valid'
      assert.equal(sealed, one.ct, `case ${one.tcId}`)
      assert.equal(toHex(cipher.getAuthTag()) === one.tag, valid, `case ${one.tcId}`)
      const open = () => {
        const decipher =
          name === 'aes-256-gcm' ? createDecipheriv(name, key!, iv!, TAG) : createDecipheriv(name, key!, iv!, TAG)
        decipher.setAAD(aad!, { plaintextLength: text!.length })
        decipher.setAuthTag(bytes(one.tag))
        return toHex(Buffer.concat([decipher.update(bytes(one.ct)), decipher.final()]))
      }
      if (valid) assert.equal(open(), one.msg, `case ${one.tcId}`)
      else assert.throws(open, `case ${one.tcId}`)
    }
  })
}

test('Ed25519 takes the signatures that are valid, and none with values out of range or added orders of the group', () => {
  for (const { tcId, publicKey, msg, sig, result } of casesOf<'publicKey' | 'msg' | 'sig' | 'result'>('ed25519')) {
    assert.equal(verifySignature(bytes(publicKey), bytes(msg), bytes(sig)), result === 'valid', `case ${tcId}`)
  }
})

test('X25519 gives the known answers for strange points too, and refuses those that give zero', () => {
  for (const { tcId, public: point, private: scalar, shared } of casesOf<'public' | 'private' | 'shared'>('x25519')) {
    const zero = /^0+$/.test(shared)
    assert.equal(isOfSmallOrder(bytes(point)), zero, `case ${tcId}`)
    if (zero) assert.throws(() => x25519(bytes(scalar), bytes(point)), `case ${tcId}`)
    else assert.equal(toHex(x25519(bytes(scalar), bytes(point))), shared, `case ${tcId}`)
  }
})

test('ML-KEM-768 answers a ciphertext that is wrong behind a first zero byte with the key of implicit rejection', () => {
  for (const { seed, c, K } of casesOf<'seed' | 'c' | 'K'>('ml-kem-768')) {
    const key = createPrivateKey({ key: Buffer.from(seed, 'hex'), format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' })
    assert.equal(decapsulate(key, bytes(c)).toString('hex'), K)
    const other = bytes(c)
    other[1000]! ^= 1
    assert.notEqual(decapsulate(key, other).toString('hex'), K)
  }
})
