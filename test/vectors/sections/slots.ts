import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/base/bytes.ts'
import { decodeBundle, encodeBundle } from '../../../src/format/bundle.ts'
import type { Bundle } from '../../../src/format/bundle.ts'
import {
  decodeKeySlot,
  encodeKeySlot,
  encodeRenewedSlot,
  isSignedBy,
  openKeySlot,
  openSlotDetail,
  openSlotHolder,
  openSlotLabel,
} from '../../../src/format/key-slot.ts'
import {
  AGE_HEADER_MAX,
  AGE_PAYLOAD_SIZE,
  OPENPGP_MESSAGE_MAX,
  RSA_BLOCK_MAX,
  TPM_AREA_MAX,
} from '../../../src/format/slot-kinds.ts'
import type { SlotMethod } from '../../../src/format/slot-kinds.ts'
import { signObject } from '../../../src/format/signed-object.ts'
import { holderOf } from '../../../src/format/slot-holder.ts'
import { slotPublicKey, slotRootCheck } from '../../../src/format/slot-kem.ts'
import { bundleOf } from '../../../src/repo/roles.ts'
import { fixedRepoId, fixedSigner } from '../../support/format-keys.ts'
import {
  fixedTime,
  sampleBundle,
  sampleDomain,
  sampleReportBundle,
  sampleRotatedDomain,
} from '../../support/object-samples.ts'
import { cbor, flipped, withFields } from '../section.ts'
import type { FailCase, Section } from '../section.ts'
import { domainThatIsNotPublic, publicBundles } from './public-bundles.ts'
import {
  ageMethod,
  given,
  keyFileMethod,
  openpgpMethod,
  passphraseMethod,
  pkcs11Method,
  severalMethod,
  sharesMethod,
  slotKeyOf,
  tpmMethod,
  wrapped,
} from './slot-methods.ts'

const keysOf = (method: SlotMethod) => ({ slotKey: slotKeyOf(method), repoId: fixedRepoId(), suite: 1 as const })

function slot(method: SlotMethod, label = '', detail = ''): Uint8Array {
  return encodeKeySlot({ method, bundle: sampleBundle(), created: fixedTime, label, detail }, keysOf(method))
}

/** By somebody who has no root key. */
function unsigned(): Uint8Array {
  return encodeKeySlot({ method: keyFileMethod(), bundle: sampleReader(), created: fixedTime }, keysOf(keyFileMethod()))
}

/** The key file slot, which has another domain now, without having been opened. */
function renewed(maker = sampleBundle()): Uint8Array {
  const text = readFileSync(new URL('../credentials.json', import.meta.url), 'utf8')
  const { ct, wrapKey } = JSON.parse(text).slotEncapsulation as Record<string, string>
  return encodeRenewedSlot(decodeKeySlot(slot(keyFileMethod(), 'ann'), 'vector'), {
    bundle: renewedBundle(),
    maker,
    encapsulated: { ct: fromHex(ct!)!, wrapKey: fromHex(wrapKey!)! },
  })
}

const sampleReader = (): Bundle => {
  const { rootSeed: _, writer: __, ...rest } = sampleBundle()
  return { ...rest, role: 'read' }
}
const maintainer = (): Bundle =>
  bundleOf(sampleBundle(), [sampleRotatedDomain('shared')], { ...sampleBundle(), role: 'maintain' })
const renewedBundle = (): Bundle => ({
  ...sampleBundle(),
  domains: [sampleRotatedDomain('shared'), sampleDomain('new')],
})

function read(kind: string, bytes: Uint8Array, subject: string): unknown {
  if (kind === 'bundle') return decodeBundle(bytes, subject)
  const whole = decodeKeySlot(bytes, subject)
  const { suite, created, role, method, publicKey, rootCheck, renewals } = whole
  const clear = { suite, created, role, method, publicKey, rootCheck, renewals }
  const bundle = openKeySlot(whole, { slotKey: slotKeyOf(method), repoId: fixedRepoId() }, subject)
  const detail = openSlotDetail(whole, bundle, subject)
  const isSigned = isSignedBy(whole, sampleBundle().rootPublic)
  return {
    ...clear,
    bundle,
    label: openSlotLabel(whole, bundle, subject),
    ...(detail !== '' && { detail }),
    ...(isSigned && { holder: openSlotHolder(whole, sampleBundle(), subject) }),
  }
}

/** What does not depend on label and detail. */
function said(method: SlotMethod, bundle = sampleBundle()) {
  const secrets = { slotKey: slotKeyOf(method), repoId: fixedRepoId() }
  const { role } = bundle
  const clear = { suite: 1, created: fixedTime, role, method, publicKey: slotPublicKey(secrets), renewals: 0, bundle }
  return {
    ...clear,
    rootCheck: slotRootCheck(secrets, bundle.rootPublic),
    ...(role === 'admin' && { holder: holderOf(bundle) }),
  }
}

function failures(): FailCase[] {
  const bytes = slot(passphraseMethod(), 'laptop')
  const header = bytes.subarray(0, 8)
  const changed = (changes: Parameters<typeof withFields>[1], label = 'root', from = bytes) =>
    signObject(7, 1, [withFields(from.subarray(8), changes)], fixedSigner(label))
  const unsignedWith = (changes: Parameters<typeof withFields>[1], from: Uint8Array) =>
    new Uint8Array([...header, ...withFields(from.subarray(8), changes)])
  const corrupt = (name: string, object: Uint8Array): FailCase => ({
    name,
    kind: 'slot',
    bytes: object,
    error: 'corrupt',
  })
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
    corrupt('a signature of another root key', changed({}, 'other')),
    corrupt(
      'another public key under the signature of before',
      flipped(bytes, Buffer.from(bytes).indexOf(slotPublicKey(keysOf(passphraseMethod())))),
    ),
    corrupt('no signature', bytes.slice(0, -64)),
    corrupt('a signature too many', new Uint8Array([...bytes, ...bytes.slice(-64)])),
    corrupt('a signature without a holder', changed({ 11: null })),
    corrupt('a slot made anew that nobody has signed', unsignedWith({ 11: null }, renewed())),
    corrupt('a slot made anew, by another root key', changed({}, 'other', renewed())),
    corrupt('a slot made anew no times', changed({ 10: cbor((w) => w.uint(0)) }, 'root', renewed())),
    corrupt('a slot made anew that does not say how often', changed({ 10: null }, 'root', renewed())),
    corrupt(
      'a slot that was made for another root key',
      changed({ 8: cbor((w) => w.bytes(new Uint8Array(32))) }, 'root', renewed()),
    ),
    corrupt('no public key', changed({ 7: null })),
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
    domainThatIsNotPublic(),
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
        value: { ...said(passphraseMethod()), label: 'laptop' },
      },
      {
        name: 'a key file slot without a label',
        kind: 'slot',
        bytes: slot(keyFileMethod()),
        value: { ...said(keyFileMethod()), label: '' },
      },
      {
        name: 'an age slot with a detail',
        kind: 'slot',
        bytes: slot(ageMethod(), 'ann', 'age1ann'),
        value: { ...said(ageMethod()), label: 'ann', detail: 'age1ann' },
      },
      {
        name: 'an OpenPGP slot',
        kind: 'slot',
        bytes: slot(openpgpMethod()),
        value: { ...said(openpgpMethod()), label: '' },
      },
      {
        name: 'a slot for 3 of 5 shares',
        kind: 'slot',
        bytes: slot(sharesMethod()),
        value: { ...said(sharesMethod()), label: '' },
      },
      {
        name: 'a slot for a key on a token',
        kind: 'slot',
        bytes: slot(pkcs11Method()),
        value: { ...said(pkcs11Method()), label: '' },
      },
      {
        name: 'a slot for a TPM, with a PIN',
        kind: 'slot',
        bytes: slot(tpmMethod()),
        value: { ...said(tpmMethod()), label: '' },
      },
      {
        name: 'a slot for two keys together',
        kind: 'slot',
        bytes: slot(severalMethod()),
        value: { ...said(severalMethod()), label: '' },
      },
      {
        name: 'a slot that no administrator has made',
        kind: 'slot',
        bytes: unsigned(),
        value: { ...said(keyFileMethod(), sampleReader()), label: '' },
      },
      {
        name: 'a slot made anew',
        kind: 'slot',
        bytes: renewed(),
        value: { ...said(keyFileMethod(), renewedBundle()), renewals: 1, label: 'ann' },
      },
      {
        name: 'a bundle with keys of before, of a role that reads no files',
        kind: 'bundle',
        bytes: encodeBundle(maintainer()),
        value: maintainer(),
      },
      { name: 'a bundle', kind: 'bundle', bytes: encodeBundle(bundle), value: bundle },
      ...publicBundles(),
    ]
  },
  fail: failures,
  read,
}
