// The vectors of key slots read a second time, by code that knows only docs/format.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decrypter } from 'age-encryption'
import * as reader from './independent-reader.ts'
import { cbor, DK, fromHex, H, joined, KH, open, toHex } from './independent-reader.ts'
import { caseOf, load } from './vector-cases.ts'
import type { Fields } from './vector-cases.ts'

test('a slot opens with the key of its passphrase, and its label with a key of the domain', () => {
  const { given, bytes, value } = caseOf('slots.json', 'a passphrase slot')
  const repoId = fromHex(given.repoId)
  const map = reader.slotMap(bytes, fromHex(value.bundle.rootPublic))
  const fields = cbor(map) as Record<number, unknown>
  // Keys 0 and 1 come first in the map, so their encoding is the beginning of the slot's, with another count.
  const params = value.method.params
  assert.deepEqual(fields[1], { 0: params.salt, 1: params.memoryKiB, 2: params.passes, 3: params.lanes })
  const bundleHead = map.findIndex((_, at) => at > 20 && map[at] === 2 && map[at + 1] === 0x59)
  const context = joined(Uint8Array.of(0xa2), map.subarray(1, bundleHead))
  const key = fromHex(load('crypto.json').passphrase.key)
  const bundle = cbor(open(key, repoId, 36, context, fromHex(fields[2] as string))) as Record<number, unknown>
  const [domain] = value.bundle.domains
  assert.deepEqual([bundle[0], bundle[1], bundle[2]], [1, given.repoId, 1])
  assert.deepEqual(Object.values((bundle[3] as object[])[0]!), Object.values(domain))
  assert.deepEqual(
    [bundle[4], bundle[5], bundle[7]],
    [value.bundle.rootPublic, value.bundle.rootSeed, value.bundle.localKey],
  )
  assert.deepEqual(bundle[6], { 0: value.bundle.writer.wid, 1: value.bundle.writer.seed })
  const labelKey = DK('holdfast 1 label', fromHex(domain.keyIdx))
  assert.equal(Buffer.from(open(labelKey, repoId, 37, context, fromHex(fields[4] as string))).toString(), value.label)
})

test('a slot for a public key opens with the secret that its file holds, and says for whom it is', async () => {
  const other = load('credentials.json')
  const { given, bytes, value } = caseOf('slots.json', 'an age slot with a detail')
  const rootPublic = fromHex(value.bundle.rootPublic)
  const fields = cbor(reader.slotMap(bytes, rootPublic)) as Record<number, unknown>
  assert.deepEqual([fields[0], fields[1]], [3, { 0: other.age[0].file }])
  const decrypter = new Decrypter()
  decrypter.addIdentity(/AGE-SECRET-KEY-\S+/.exec(other.age[0].identity)![0])
  const secret = await decrypter.decrypt(fromHex(other.age[0].file))
  assert.equal(toHex(secret), other.secret)
  const openedBy = (context: string, slot: Uint8Array) => {
    const map = reader.slotMap(slot, rootPublic)
    // As above; before the sealed bundle are the bytes of the file.
    const bundleHead = map.findIndex((_, at) => at > 60 && map[at] === 2 && map[at + 1] === 0x59)
    const head = joined(Uint8Array.of(0xa2), map.subarray(1, bundleHead))
    const sealed = cbor(map) as Record<number, string>
    const bundle = cbor(open(DK(context, secret), fromHex(given.repoId), 36, head, fromHex(sealed[2]!)))
    assert.equal((bundle as Record<number, unknown>)[1], given.repoId)
    return { head, sealed }
  }
  const { head, sealed } = openedBy('holdfast 1 age slot', bytes)
  const labelKey = DK('holdfast 1 label', fromHex(value.bundle.domains[0].keyIdx))
  const text = (type: number, key: number) =>
    Buffer.from(open(labelKey, fromHex(given.repoId), type, head, fromHex(sealed[key]!))).toString()
  assert.deepEqual([text(37, 4), text(40, 6)], [value.label, value.detail])
  openedBy('holdfast 1 openpgp slot', caseOf('slots.json', 'an OpenPGP slot').bytes)
})

test('slots of every kind have the parameters of the text, a public key of their own and a holder', () => {
  const parameters: Record<string, (method: Fields) => unknown> = {
    passphrase: ({ params: { salt, memoryKiB, passes, lanes } }) => [1, { 0: salt, 1: memoryKiB, 2: passes, 3: lanes }],
    'key-file': ({ id }) => [2, { 0: id }],
    age: ({ file }) => [3, { 0: file }],
    shares: ({ set, threshold, count }) => [4, { 0: set, 1: threshold, 2: count }],
    openpgp: ({ message }) => [5, { 0: message }],
    pkcs11: ({ keyId, encrypted }) => [6, { 0: keyId, 1: 1, 2: encrypted }],
    tpm: ({ publicArea, privateArea, pin }) => [7, { 0: publicArea, 1: privateArea, 2: pin }],
  }
  const of = (method: Fields) => parameters[method['kind']]!(method) as [number, unknown]
  parameters['several'] = ({ threshold, parts }) => [
    8,
    {
      0: threshold,
      1: (parts as Fields[]).map(({ method, sealedShare }) => ({ 0: of(method)[0], 1: of(method)[1], 2: sealedShare })),
    },
  ]
  const credentials = load('credentials.json')
  const secret = fromHex(load('slots.json').given.secret)
  const keyFile = fromHex(/[0-9a-f]{64}/.exec(load('slots.json').given.keyFile)![0])
  const contexts: Record<string, string> = {
    age: 'age slot',
    openpgp: 'openpgp slot',
    shares: 'shares',
    pkcs11: 'pkcs11 slot',
    tpm: 'tpm slot',
    several: 'several',
  }
  const keyOf = (kind: string) => {
    if (kind === 'passphrase') return fromHex(load('crypto.json').passphrase.key)
    return kind === 'key-file' ? DK('holdfast 1 key file', keyFile) : DK(`holdfast 1 ${contexts[kind]}`, secret)
  }
  const repoId = fromHex(load('slots.json').given.repoId)
  const seen = new Set<string>()
  for (const { kind, bytes: hex, value } of load('slots.json').ok) {
    if (kind !== 'slot') continue
    seen.add(value.method.kind)
    const map = reader.slotMap(fromHex(hex), value.holder && fromHex(value.bundle.rootPublic))
    const fields = cbor(map) as Fields
    assert.deepEqual([fields[0], fields[1]], of(value.method))
    const slotKey = keyOf(value.method.kind)
    const pair = reader.slotKeyPair(slotKey, repoId)
    assert.equal(fields[7], toHex(pair.publicKey))
    const rootCheck = KH(DK('holdfast 1 slot root', slotKey), joined(repoId, fromHex(value.bundle.rootPublic)))
    assert.equal(fields[8], toHex(rootCheck))
    const context = joined(Uint8Array.of(0xa2), map.subarray(1, reader.endOfKey1(map)))
    const key = fields[9] === undefined ? slotKey : pair.decapsulate(fromHex(fields[9]))
    if (fields[9] !== undefined) assert.equal(toHex(key), credentials.slotEncapsulation.wrapKey)
    assert.equal(fields[10] ?? 0, value.renewals)
    const bundle = cbor(open(key, repoId, 36, context, fromHex(fields[2]))) as Fields
    assert.equal(bundle[3].length, value.bundle.domains.length)
    const older = value.bundle.domains[0].older?.map((keys: object) => Object.values(keys))
    assert.deepEqual(bundle[3][0][10]?.map(Object.values), older)
    if (value.holder === undefined) continue
    const holderKey = DK('holdfast 1 slot holder', fromHex(value.bundle.rootSeed))
    const { domains, localKey, writer } = value.holder
    assert.deepEqual(cbor(open(holderKey, repoId, 43, context, fromHex(fields[11]))), {
      0: (domains as Fields[]).map(({ id, recipients }) => [id, recipients]),
      1: localKey,
      2: { 0: writer.wid, 1: writer.seed },
    })
    for (const [at, { recipients }] of domains.entries()) {
      const { dataPublic, older: before = [] } = value.bundle.domains[at]
      const expected = [toHex(H(fromHex(dataPublic)).subarray(0, 16)), ...(before as Fields[]).map(({ data }) => data)]
      assert.deepEqual(recipients, expected)
    }
  }
  assert.deepEqual([...seen].toSorted(), Object.keys(parameters).toSorted())
})
