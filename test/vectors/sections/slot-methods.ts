// How each kind of slot of the vectors is made, and the key of each.
import { readFileSync } from 'node:fs'
import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { deriveKey } from '../../../src/crypto/hash.ts'
import { keyFileId, keyFileSealingKey, parseKeyFile } from '../../../src/crypto/keyfile.ts'
import { SEALED_SHARE_SIZE, slotSecretContext } from '../../../src/format/slot-kinds.ts'
import type { OaepHash, SlotMethod } from '../../../src/format/slot-kinds.ts'

// Passphrase and key file are those of crypto.json, so that Argon2 runs in one place only.
export const given = () => {
  const text = readFileSync(new URL('../crypto.json', import.meta.url), 'utf8')
  const { passphrase, keyFile } = JSON.parse(text) as {
    passphrase: {
      passphraseDecomposed: string
      salt: string
      memoryKiB: number
      passes: number
      lanes: number
      key: string
    }
    keyFile: { text: string }
  }
  const { salt, memoryKiB, passes, lanes } = passphrase
  return {
    passphrase: passphrase.passphraseDecomposed,
    passphraseKey: fromHex(passphrase.key)!,
    params: { salt: fromHex(salt)!, memoryKiB, passes, lanes },
    keyFile: keyFile.text,
    secret: parseKeyFile(utf8(keyFile.text), 'vector'),
  }
}

/** What other programs have wrapped a secret into. */
export const wrapped = () => {
  const text = readFileSync(new URL('../credentials.json', import.meta.url), 'utf8')
  const { secret, age, openpgp } = JSON.parse(text) as {
    secret: string
    age: readonly [{ file: string; identity: string }]
    openpgp: readonly [{ message: string; key: string }]
  }
  return { secret: fromHex(secret)!, file: fromHex(age[0].file)!, message: fromHex(openpgp[0].message)! }
}
export const ageMethod = (): SlotMethod => ({ kind: 'age', file: wrapped().file })
export const openpgpMethod = (): SlotMethod => ({ kind: 'openpgp', message: wrapped().message })

export const sharesMethod = (threshold = 3, count = 5): SlotMethod => ({
  kind: 'shares',
  set: new Uint8Array([0xca, 0xfe, 0xba, 0xbe]),
  threshold,
  count,
})

export const pkcs11Method = (encryptedSize = 256, hash: OaepHash = 'sha256'): SlotMethod => ({
  kind: 'pkcs11',
  keyId: new Uint8Array(16).fill(0x11),
  hash,
  encrypted: new Uint8Array(encryptedSize).fill(0x22),
})
export const tpmMethod = (size = 160): SlotMethod => ({
  kind: 'tpm',
  publicArea: new Uint8Array(48).fill(0x33),
  privateArea: new Uint8Array(size).fill(0x44),
  pin: true,
})

export const severalMethod = (threshold = 2, parts = [keyFileMethod(), sharesMethod()]): SlotMethod => ({
  kind: 'several',
  threshold,
  parts: parts.map((method, i) => ({ method, sealedShare: new Uint8Array(SEALED_SHARE_SIZE).fill(i) })),
})

export const passphraseMethod = (): SlotMethod => ({ kind: 'passphrase', params: given().params })
export const keyFileMethod = (): SlotMethod => ({ kind: 'key-file', id: keyFileId(given().secret) })
export const slotKeyOf = ({ kind }: SlotMethod) => {
  if (kind === 'passphrase') return given().passphraseKey
  if (kind === 'key-file' || kind === 'other') return keyFileSealingKey(given().secret)
  return deriveKey(slotSecretContext(kind), wrapped().secret)
}
