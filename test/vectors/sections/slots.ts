import { readFileSync } from 'node:fs'
import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { keyFileId, keyFileSealingKey, parseKeyFile } from '../../../src/crypto/keyfile.ts'
import { encodeBundle } from '../../../src/format/bundle.ts'
import { decodeKeySlot, encodeKeySlot, openKeySlot, openSlotLabel } from '../../../src/format/key-slot.ts'
import type { SlotMethod } from '../../../src/format/key-slot.ts'
import { decodeBundle } from '../../../src/format/bundle.ts'
import { fixedRepoId } from '../../support/format-keys.ts'
import { fixedTime, sampleBundle } from '../../support/object-samples.ts'
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

const passphraseMethod = (): SlotMethod => ({ kind: 'passphrase', params: given().params })
const keyFileMethod = (): SlotMethod => ({ kind: 'key-file', id: keyFileId(given().secret) })
const slotKeyOf = (method: SlotMethod) =>
  method.kind === 'passphrase' ? given().passphraseKey : keyFileSealingKey(given().secret)

function slot(method: SlotMethod, label?: string): Uint8Array {
  const content = { method, bundle: sampleBundle(), created: fixedTime, ...(label !== undefined && { label }) }
  return encodeKeySlot(content, { slotKey: slotKeyOf(method), repoId: fixedRepoId(), suite: 1 })
}

function read(kind: string, bytes: Uint8Array, subject: string): unknown {
  if (kind === 'bundle') return decodeBundle(bytes, subject)
  const { sealedBundle: _, sealedLabel: __, ...clear } = decodeKeySlot(bytes, subject)
  const whole = decodeKeySlot(bytes, subject)
  const bundle = openKeySlot(whole, { slotKey: slotKeyOf(whole.method), repoId: fixedRepoId() }, subject)
  return { ...clear, bundle, label: openSlotLabel(whole, bundle, subject) }
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
    { name: 'no bundle', kind: 'slot', bytes: changed({ 2: null }), error: 'corrupt' },
    { name: 'a slot that ends early', kind: 'slot', bytes: bytes.slice(0, -1), error: 'corrupt' },
    { name: 'kind 3', kind: 'slot', bytes: changed({ 0: cbor((w) => w.uint(3)) }), error: 'unsupported' },
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
    'crypto.json, `bundle` the plaintext of a capability bundle. Suite 1.',
  given: () => ({ repoId: fixedRepoId(), passphrase: given().passphrase, keyFile: given().keyFile }),
  ok: () => {
    const clear = { suite: 1, created: fixedTime, role: 'admin' }
    const bundle = sampleBundle()
    return [
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
      { name: 'a bundle', kind: 'bundle', bytes: encodeBundle(bundle), value: bundle },
    ]
  },
  fail: failures,
  read,
}
