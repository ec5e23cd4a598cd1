import { readFileSync } from 'node:fs'
import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { deriveKey } from '../../../src/crypto/hash.ts'
import { keyFileId, keyFileSealingKey, parseKeyFile } from '../../../src/crypto/keyfile.ts'
import { encodeBundle } from '../../../src/format/bundle.ts'
import {
  decodeKeySlot,
  encodeKeySlot,
  openKeySlot,
  openSlotDetail,
  openSlotLabel,
} from '../../../src/format/key-slot.ts'
import {
  AGE_HEADER_MAX,
  AGE_PAYLOAD_SIZE,
  OPENPGP_MESSAGE_MAX,
  RSA_BLOCK_MAX,
  SEALED_SHARE_SIZE,
  slotSecretContext,
  TPM_AREA_MAX,
} from '../../../src/format/slot-kinds.ts'
import type { OaepHash, SlotMethod } from '../../../src/format/slot-kinds.ts'
import { decodeBundle } from '../../../src/format/bundle.ts'
import { fixedRepoId } from '../../support/format-keys.ts'
import { fixedTime, sampleBundle, sampleReportBundle } from '../../support/object-samples.ts'
import { cbor, flipped, withFields } from '../section.ts'
import type { FailCase, Section } from '../section.ts'

// Passphrase and key file are those of crypto.json, so that Argon2 runs in one place only.
const given = () => {
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
const wrapped = () => {
  const text = readFileSync(new URL('../credentials.json', import.meta.url), 'utf8')
  const { secret, age, openpgp } = JSON.parse(text) as {
    secret: string
    age: readonly [{ file: string; identity: string }]
    openpgp: readonly [{ message: string; key: string }]
  }
  return { secret: fromHex(secret)!, file: fromHex(age[0].file)!, message: fromHex(openpgp[0].message)! }
}
const ageMethod = (): SlotMethod => ({ kind: 'age', file: wrapped().file })
const openpgpMethod = (): SlotMethod => ({ kind: 'openpgp', message: wrapped().message })

const sharesMethod = (threshold = 3, count = 5): SlotMethod => ({
  kind: 'shares',
  set: new Uint8Array([0xca, 0xfe, 0xba, 0xbe]),
  threshold,
  count,
})

const pkcs11Method = (encryptedSize = 256, hash: OaepHash = 'sha256'): SlotMethod => ({
  kind: 'pkcs11',
  keyId: new Uint8Array(16).fill(0x11),
  hash,
  encrypted: new Uint8Array(encryptedSize).fill(0x22),
})
const tpmMethod = (size = 160): SlotMethod => ({
  kind: 'tpm',
  publicArea: new Uint8Array(48).fill(0x33),
  privateArea: new Uint8Array(size).fill(0x44),
  pin: true,
})

const severalMethod = (threshold = 2, parts = [keyFileMethod(), sharesMethod()]): SlotMethod => ({
  kind: 'several',
  threshold,
  parts: parts.map((method, i) => ({ method, sealedShare: new Uint8Array(SEALED_SHARE_SIZE).fill(i) })),
})

const passphraseMethod = (): SlotMethod => ({ kind: 'passphrase', params: given().params })
const keyFileMethod = (): SlotMethod => ({ kind: 'key-file', id: keyFileId(given().secret) })
const slotKeyOf = ({ kind }: SlotMethod) => {
  if (kind === 'passphrase') return given().passphraseKey
  if (kind === 'key-file' || kind === 'other') return keyFileSealingKey(given().secret)
  return deriveKey(slotSecretContext(kind), wrapped().secret)
}

function slot(method: SlotMethod, label = '', detail = ''): Uint8Array {
  const content = { method, bundle: sampleBundle(), created: fixedTime, label, detail }
  return encodeKeySlot(content, { slotKey: slotKeyOf(method), repoId: fixedRepoId(), suite: 1 })
}

function read(kind: string, bytes: Uint8Array, subject: string): unknown {
  if (kind === 'bundle') return decodeBundle(bytes, subject)
  const { sealedBundle: _, sealedLabel: __, sealedDetail: ___, ...clear } = decodeKeySlot(bytes, subject)
  const whole = decodeKeySlot(bytes, subject)
  const bundle = openKeySlot(whole, { slotKey: slotKeyOf(whole.method), repoId: fixedRepoId() }, subject)
  const detail = openSlotDetail(whole, bundle, subject)
  return { ...clear, bundle, label: openSlotLabel(whole, bundle, subject), ...(detail !== '' && { detail }) }
}

function failures(): FailCase[] {
  const bytes = slot(passphraseMethod(), 'laptop')
  const header = bytes.subarray(0, 8)
  const changed = (changes: Parameters<typeof withFields>[1]) =>
    new Uint8Array([...header, ...withFields(bytes.subarray(8), changes)])
  const params = (write: Parameters<typeof cbor>[0]) => changed({ 1: cbor(write) })
  const { salt } = given().params
  const bundle = encodeBundle(sampleBundle())
  return [
    { name: 'a damaged bundle', kind: 'slot', bytes: flipped(bytes, 200), error: 'wrong-key' },
    {
      name: 'other parameters',
      kind: 'slot',
      bytes: params((w) => w.openMap().key(0).bytes(salt).key(1).uint(8192).key(2).uint(1).key(3).uint(2).closeMap()),
      error: 'wrong-key',
    },
    {
      name: 'a salt of 8 bytes',
      kind: 'slot',
      bytes: params((w) =>
        w.openMap().key(0).bytes(salt.slice(8)).key(1).uint(8192).key(2).uint(2).key(3).uint(2).closeMap(),
      ),
      error: 'corrupt',
    },
    {
      name: 'no lanes',
      kind: 'slot',
      bytes: params((w) => w.openMap().key(0).bytes(salt).key(1).uint(8192).key(2).uint(2).closeMap()),
      error: 'corrupt',
    },
    {
      name: 'an age file that is too long',
      kind: 'slot',
      bytes: slot({ kind: 'age', file: new Uint8Array(AGE_HEADER_MAX + AGE_PAYLOAD_SIZE + 1) }),
      error: 'corrupt',
    },
    {
      name: 'an OpenPGP message that is too long',
      kind: 'slot',
      bytes: slot({ kind: 'openpgp', message: new Uint8Array(OPENPGP_MESSAGE_MAX + 1) }),
      error: 'corrupt',
    },
    {
      name: 'an age slot with a parameter too many',
      kind: 'slot',
      bytes: changed({ 0: cbor((w) => w.uint(3)) }),
      error: 'corrupt',
    },
    ...(
      [
        [3, 2],
        [0, 0],
        [1, 1],
        [2, 256],
        [3, 2 ** 40],
      ] as const
    ).map(([k, n]): FailCase => ({
      name: `a slot for ${k} of ${n} shares`,
      kind: 'slot',
      bytes: slot(sharesMethod(k, n)),
      error: 'corrupt',
    })),
    {
      name: 'an encrypted secret longer than any RSA block',
      kind: 'slot',
      bytes: slot(pkcs11Method(RSA_BLOCK_MAX + 1)),
      error: 'corrupt',
    },
    {
      name: 'OAEP with an unknown hash',
      kind: 'slot',
      bytes: changed({
        0: cbor((w) => w.uint(6)),
        1: cbor((w) => w.openMap().key(0).bytes(salt).key(1).uint(2).key(2).bytes(salt).closeMap()),
      }),
      error: 'corrupt',
    },
    {
      name: 'an area of a TPM that is too long',
      kind: 'slot',
      bytes: slot(tpmMethod(TPM_AREA_MAX + 1)),
      error: 'corrupt',
    },
    {
      name: 'a slot for three of two keys',
      kind: 'slot',
      bytes: slot(severalMethod(3)),
      error: 'corrupt',
    },
    {
      name: 'a slot for one of two keys',
      kind: 'slot',
      bytes: slot(severalMethod(1)),
      error: 'corrupt',
    },
    {
      name: 'a slot for 17 keys together',
      kind: 'slot',
      bytes: slot(
        severalMethod(
          2,
          Array.from({ length: 17 }, () => keyFileMethod()),
        ),
      ),
      error: 'corrupt',
    },
    {
      name: 'several keys within several keys',
      kind: 'slot',
      bytes: slot(severalMethod(2, [keyFileMethod(), severalMethod()])),
      error: 'corrupt',
    },
    { name: 'no bundle', kind: 'slot', bytes: changed({ 2: null }), error: 'corrupt' },
    { name: 'a slot that ends early', kind: 'slot', bytes: bytes.slice(0, -1), error: 'corrupt' },
    {
      name: 'a kind from later',
      kind: 'slot',
      bytes: changed({ 0: cbor((w) => w.uint(99)) }),
      error: 'unsupported',
    },
    {
      name: 'version 2 of the object',
      kind: 'slot',
      bytes: new Uint8Array([...header.subarray(0, 5), 2, 1, 0, ...bytes.subarray(8)]),
      error: 'unsupported',
    },
    {
      name: 'version 2 of the bundle',
      kind: 'bundle',
      bytes: withFields(bundle, { 0: cbor((w) => w.uint(2)) }),
      error: 'unsupported',
    },
    { name: 'role 6', kind: 'bundle', bytes: withFields(bundle, { 2: cbor((w) => w.uint(6)) }), error: 'unsupported' },
    {
      name: 'domains of a report for an administrator',
      kind: 'bundle',
      bytes: withFields(encodeBundle(sampleReportBundle()), { 2: cbor((w) => w.uint(1)) }),
      error: 'corrupt',
    },
    { name: 'no domains', kind: 'bundle', bytes: withFields(bundle, { 3: cbor((w) => w.array(0)) }), error: 'corrupt' },
    {
      name: 'a root key of 31 bytes',
      kind: 'bundle',
      bytes: withFields(bundle, { 4: cbor((w) => w.bytes(new Uint8Array(31))) }),
      error: 'corrupt',
    },
  ]
}

export const slotsSection: Section = {
  file: 'slots.json',
  about:
    'docs/format.md 3.3 and 3.6. Kinds: `slot` a whole key slot, opened with the passphrase or the key file of ' +
    'crypto.json or the secret that credentials.json has wrapped, `bundle` the plaintext of a capability bundle. Suite 1.',
  given: () => ({
    repoId: fixedRepoId(),
    passphrase: given().passphrase,
    keyFile: given().keyFile,
    secret: wrapped().secret,
  }),
  ok: () => {
    const clear = { suite: 1, created: fixedTime, role: 'admin' }
    const bundle = sampleBundle()
    return [
      {
        name: 'a bundle of the role report',
        kind: 'bundle',
        bytes: encodeBundle(sampleReportBundle()),
        value: sampleReportBundle(),
      },
      {
        name: 'a passphrase slot',
        kind: 'slot',
        bytes: slot(passphraseMethod(), 'laptop'),
        value: { ...clear, method: passphraseMethod(), bundle, label: 'laptop' },
      },
      {
        name: 'a key file slot without a label',
        kind: 'slot',
        bytes: slot(keyFileMethod()),
        value: { ...clear, method: keyFileMethod(), bundle, label: '' },
      },
      {
        name: 'an age slot with a detail',
        kind: 'slot',
        bytes: slot(ageMethod(), 'ann', 'age1ann'),
        value: { ...clear, method: ageMethod(), bundle, label: 'ann', detail: 'age1ann' },
      },
      {
        name: 'an OpenPGP slot',
        kind: 'slot',
        bytes: slot(openpgpMethod()),
        value: { ...clear, method: openpgpMethod(), bundle, label: '' },
      },
      {
        name: 'a slot for 3 of 5 shares',
        kind: 'slot',
        bytes: slot(sharesMethod()),
        value: { ...clear, method: sharesMethod(), bundle, label: '' },
      },
      {
        name: 'a slot for a key on a token',
        kind: 'slot',
        bytes: slot(pkcs11Method()),
        value: { ...clear, method: pkcs11Method(), bundle, label: '' },
      },
      {
        name: 'a slot for a TPM, with a PIN',
        kind: 'slot',
        bytes: slot(tpmMethod()),
        value: { ...clear, method: tpmMethod(), bundle, label: '' },
      },
      {
        name: 'a slot for two keys together',
        kind: 'slot',
        bytes: slot(severalMethod()),
        value: { ...clear, method: severalMethod(), bundle, label: '' },
      },
      { name: 'a bundle', kind: 'bundle', bytes: encodeBundle(bundle), value: bundle },
    ]
  },
  fail: failures,
  read,
}
