// The vectors read a second time, by code that knows only docs/format.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import * as xz from '@napi-rs/lzma/xz'
import { ed25519 } from '@noble/curves/ed25519.js'
import * as reader from './independent-reader.ts'
import { cbor, DK, fromHex, H, joined, KH, open, toHex, u16, u32 } from './independent-reader.ts'
import { caseOf, hexes, load } from './vector-cases.ts'

test('keys, references, locators, signatures and padding follow from the text', () => {
  const v = load('keys.json')
  for (const { input, H: expected } of v.hash) assert.equal(toHex(H(fromHex(input))), expected)
  const { keyId, keyLoc, keyCdc } = hexes({ keyId: v.domain.keyId, keyLoc: v.domain.keyLoc, keyCdc: v.domain.keyCdc })
  for (const { type, plaintext, ref, locator } of v.blobs) {
    assert.equal(toHex(DK(`holdfast 1 ref ${type}`, keyId)), v.domain.refKeys[type])
    assert.equal(toHex(KH(DK(`holdfast 1 ref ${type}`, keyId), fromHex(plaintext))), ref)
    assert.equal(toHex(KH(keyLoc, fromHex(ref)).subarray(0, 24)), locator)
  }
  const split = DK('holdfast 1 split', keyCdc)
  assert.equal(toHex(split), v.domain.splitKey)
  assert.equal(toHex(DK('holdfast 1 split level 1', split)), v.domain.splitKeyOfLevel1)
  const devIno = Buffer.alloc(16)
  devIno.writeBigUInt64LE(BigInt(v.linkGroup.dev), 0)
  devIno.writeBigUInt64LE(BigInt(v.linkGroup.ino), 8)
  assert.equal(toHex(KH(split, devIno).subarray(0, 8)), v.linkGroup.linkGroup)
  const { seed, publicKey, wid, message, signature } = hexes(v.writer as Record<string, string>)
  assert.deepEqual(ed25519.getPublicKey(seed!), publicKey)
  assert.deepEqual(H(publicKey!).subarray(0, 16), wid)
  assert.deepEqual(ed25519.sign(message!, seed!), signature)
  for (const [length, padded] of v.padme) assert.equal(reader.padme(length), padded)
})

test('each derived key follows from the text', () => {
  const { schedule: v } = load('keys.json')
  const derived = (context: string, key: string) => toHex(DK(`holdfast 1 ${context}`, fromHex(key)))
  assert.equal(derived('report', v.keyIdx), v.reportKey)
  assert.equal(derived('label', v.keyIdx), v.labelKey)
  assert.deepEqual(
    v.slotSealingKeys,
    Object.fromEntries(
      [
        ['keyFile', 'key file'],
        ['age', 'age slot'],
        ['shares', 'shares'],
        ['openpgp', 'openpgp slot'],
        ['pkcs11', 'pkcs11 slot'],
        ['tpm', 'tpm slot'],
      ].map(([kind, context]) => [kind, derived(context!, v.slotSecret)]),
    ),
  )
  assert.equal(toHex(H(DK('holdfast 1 key file id', fromHex(v.slotSecret))).subarray(0, 16)), v.keyFileId)
  const { key, saltKey, salt, partKey, tagKeyOfSuite0 } = v.sealing
  assert.equal(derived('salt', key), saltKey)
  assert.equal(toHex(KH(DK('holdfast 1 seal', fromHex(key)), fromHex(salt))), partKey)
  assert.equal(derived('suite 0 tag', partKey), tagKeyOfSuite0)
  assert.equal(derived('kem', v.kem.material), v.kem.wrapKey)
})

test('content is cut as the text says', () => {
  const v = load('chunking.json')
  const key = fromHex(v.contentKey)
  const counter = (n: number) => Uint8Array.of(n & 255, (n >> 8) & 255, 0, 0)
  const content = joined(...Array.from({ length: 12_500 }, (_, n) => KH(key, counter(n))))
  content.fill(0, 100_000, 200_000)
  content.fill(0, 300_000, 310_000)
  assert.equal(toHex(H(content)), v.contentHash)
  assert.deepEqual(reader.pieces(content, fromHex(v.cdcKey), v.sizes), v.pieces)
})

test('a pack is read from its end, and its blobs have the locators of the directory', () => {
  const { given, bytes, value } = caseOf('pack.json', 'a pack of two blocks')
  const { repoId, sessionSecret, keyIdx, keyId, keyLoc } = hexes(given as Record<string, string>)
  reader.content(bytes, 1)
  assert.equal(`data/${toHex(H(bytes)).slice(0, 2)}/${toHex(H(bytes))}`, value.name)
  const none = new Uint8Array()
  const trailer = open(keyIdx!, repoId!, 35, none, bytes.subarray(bytes.length - 56))
  const [offset, length, packLength] = [u32(trailer, 0), u32(trailer, 4), u32(trailer, 8)]
  assert.deepEqual([packLength, reader.padme(packLength)], [bytes.length, bytes.length])
  const directory = open(keyIdx!, repoId!, 34, none, bytes.subarray(offset, offset + length))
  const [s, b, n] = [u16(directory, 0), u16(directory, 2), u32(directory, 4)]
  const { blocks, end } = reader.tables(directory, 8 + 16 * s, b, n)
  assert.equal(end, directory.length)
  assert.deepEqual(blocks, value.directory.blocks)
  for (const [i, block] of blocks.entries()) {
    const context = joined(Uint8Array.of(block.codec, block.plainLength, 0, 0, 0))
    const stored = open(
      sessionSecret!,
      repoId!,
      32,
      context,
      bytes.subarray(block.offset, block.offset + block.storedLength),
    )
    // Codec 1 is a frame that repeats one byte: RFC 8878, 3.1.1.
    const plain = block.codec === 0 ? stored : new Uint8Array(stored[5]!).fill(stored[9]!)
    let at = 0
    const locs = block.lengths.map((size, k) => {
      const blob = plain.subarray(at, (at += size))
      assert.equal(toHex(blob), value.blobs[i][k])
      return toHex(KH(keyLoc!, KH(DK('holdfast 1 ref data', keyId!), blob)).subarray(0, 24))
    })
    assert.equal(locs.join(''), block.locs)
  }
})

test('blocks of every codec have the plaintext that they say', () => {
  const { ok, given } = load('block.json')
  const unpack = [
    (stored: Uint8Array) => stored,
    (stored: Uint8Array) => new Uint8Array(zstdDecompressSync(stored)),
    reader.lz4Block,
    (stored: Uint8Array) => new Uint8Array(xz.decompressSync(stored)),
  ]
  for (const { name, bytes, value } of ok) {
    const block = fromHex(bytes)
    const context = block.subarray(0, 5)
    const stored = open(fromHex(given.sessionSecret), fromHex(given.repoId), 32, context, block.subarray(5))
    const plain = unpack[block[0]!]!(stored)
    assert.equal(plain.length, u32(block, 1))
    assert.equal(toHex(plain), value, name)
  }
  assert.equal(ok.length, unpack.length)
})

test('an index segment repeats the directories of its packs', () => {
  const { given, bytes, value } = caseOf('pack.json', 'a segment of two packs')
  const { repoId, keyIdx, writerPublicKey } = hexes(given as Record<string, string>)
  const body = reader.sealedBody(bytes, 3, { keyIdx: keyIdx!, repoId: repoId!, publicKey: writerPublicKey! })
  const s = u16(body, 4)
  let at = 8 + 16 * s
  const packs = Array.from({ length: u32(body, 0) }, () => {
    const { blocks, end } = reader.tables(body, at + 44, u16(body, at + 34), u32(body, at + 36))
    const kind = body[at + 32] === 1 ? 'data' : 'meta'
    const pack = { hash: toHex(body.subarray(at, at + 32)), kind, size: u32(body, at + 40), blocks }
    at = end
    return pack
  })
  assert.equal(at, body.length)
  assert.deepEqual(packs, value.packs)
})

test('a snapshot is checked, opened and named', () => {
  const { given, bytes, value } = caseOf('objects.json', 'a snapshot')
  const { repoId, keyIdx, sessionSecretMeta, writerPublicKey } = hexes(given as Record<string, string>)
  const part = reader.signed(bytes, 4, writerPublicKey!)
  const [repo, wid, seq, previous, sid] = [
    [0, 16],
    [16, 32],
    [32, 40],
    [40, 72],
    [72, 88],
  ].map(([a, b]) => part.subarray(a, b))
  assert.equal(toHex(repo!), given.repoId)
  assert.deepEqual(
    [wid, previous, sid].map((id) => toHex(id!)),
    [value.head.wid, value.head.previous, value.head.sid],
  )
  const number = String(u32(seq!, 0)).padStart(10, '0')
  assert.equal(`snap/${toHex(wid!)}/${number}-${toHex(H(bytes))}`, value.name)
  const end = 90 + (part[88]! | (part[89]! << 8))
  const reportKey = DK('holdfast 1 report', keyIdx!)
  const summary = cbor(open(reportKey, repoId!, 41, part.subarray(0, 88), part.subarray(90, end))) as unknown[]
  assert.deepEqual(Object.values(summary[2] as object), Object.values(value.summary.stats))
  assert.deepEqual([summary[3], summary[4]], [value.summary.troubleCount, value.summary.partial])
  const body = cbor(open(sessionSecretMeta!, repoId!, 4, part.subarray(0, 88), part.subarray(end))) as Record<
    number,
    unknown
  >
  const expected = value.body
  assert.deepEqual(body[0], [expected.started.sec, expected.started.nsec])
  assert.deepEqual(
    [body[2], body[3], body[4], body[5]],
    [expected.host, expected.user, expected.sources, expected.root],
  )
  assert.deepEqual(Object.values(body[6] as object), Object.values(expected.stats))
  assert.deepEqual(
    body[7],
    expected.troubles.map((t: Record<string, unknown>) => [t['path'], t['code'], t['text']]),
  )
  assert.deepEqual([body[8], body[9], body[10]], [expected.troubleCount, expected.partial, expected.tags])
  assert.deepEqual(
    body[11],
    expected.heads.map((h: Record<string, unknown>) => [h['wid'], h['seq'], h['hash']]),
  )
  assert.deepEqual([body[12], body[13]], [expected.toolVersion, expected.parent])
  assert.deepEqual([body[14], body[15]], [expected.domainId, expected.description])
})

test('the other signed objects are what the text says', () => {
  const { given } = load('objects.json')
  const k = hexes(given as Record<string, string>)
  const keys = { keyIdx: k['keyIdx']!, repoId: k['repoId']!, publicKey: k['writerPublicKey']! }
  const time = (t: { sec: number; nsec: number }) => [t.sec, t.nsec]

  const intent = caseOf('objects.json', 'an intent')
  const { sid, started, host, toolVersion } = intent.value
  assert.deepEqual(cbor(reader.sealedBody(intent.bytes, 5, keys)), {
    0: sid,
    1: time(started),
    2: host,
    3: toolVersion,
  })

  for (const [name, number] of [
    ['a heartbeat', 7],
    ['an end', 0xffff_ffff],
  ] as const) {
    const mark = caseOf('objects.json', name)
    const part = reader.signed(mark.bytes, 12, keys.publicKey)
    assert.equal(toHex(part.subarray(0, 32)), mark.value.sid + mark.value.wid)
    assert.deepEqual([u32(part, 32), part.length], [number, 36])
  }

  const plan = caseOf('objects.json', 'a plan')
  const { pid, dataPacks, created, metaPacks } = plan.value
  assert.deepEqual(cbor(reader.sealedBody(plan.bytes, 9, keys)), {
    0: pid,
    1: dataPacks,
    2: time(created),
    3: metaPacks,
  })

  const cert = caseOf('objects.json', 'a certificate')
  const fields = cbor(reader.signed(cert.bytes, 8, k['rootPublicKey']!)) as Record<number, unknown>
  const c = cert.value
  assert.deepEqual([fields[0], fields[1], fields[2], fields[3]], [c.wid, c.publicKey, 4, c.domainIds])
  const sealedName = fromHex(fields[5] as string)
  assert.equal(Buffer.from(open(keys.keyIdx, keys.repoId, 8, fromHex(c.wid), sealedName)).toString(), c.name)

  const { bytes, value: d } = caseOf('objects.json', 'a description')
  const sizes = { 0: d.chunker.min, 1: d.chunker.average, 2: d.chunker.max }
  const text = {
    0: d.repoId,
    1: time(d.created),
    2: d.suite,
    3: d.rootPublic,
    4: sizes,
    5: d.packSize,
    6: 0,
    7: 0,
    8: 0,
  }
  assert.deepEqual(cbor(reader.signed(bytes, 11, k['rootPublicKey']!)), text)
})

test('the secrets of a session open under the wrap key of their encapsulation', () => {
  const { given, bytes, value } = caseOf('objects.json', 'keys of a session')
  const { repoId, writerPublicKey } = hexes(given as Record<string, string>)
  const fields = cbor(reader.signed(bytes, 6, writerPublicKey!)) as Record<number, unknown>
  const { encapsulation } = load('crypto.json')
  assert.deepEqual([fields[0], fields[1], fields[3]], [value.sid, value.domainId, value.wid])
  for (const [purpose, recipient, ct, sealed] of fields[2] as [number, string, string, string][]) {
    assert.deepEqual([recipient, ct], [encapsulation.publicKeyHash.slice(0, 32), encapsulation.ct])
    const context = joined(fromHex(value.sid), Uint8Array.of(purpose))
    const secret = open(fromHex(encapsulation.wrapKey), repoId!, 38, context, fromHex(sealed))
    assert.equal(toHex(secret), purpose === 0 ? value.data : value.meta)
  }
})

test('entries have the fields of the text', () => {
  const { bytes, value } = caseOf('tree.json', 'a small file, with all that is optional')
  const [long, short] = value.xattrs
  const { extents, length } = long.value
  const text = {
    0: value.name,
    1: 1,
    2: value.mode,
    3: value.uid,
    4: value.gid,
    5: value.user,
    6: value.group,
    7: [value.mtime.sec, value.mtime.nsec],
    8: [value.ctime.sec, value.ctime.nsec],
    9: [value.btime.sec, value.btime.nsec],
    10: value.ino,
    11: value.size,
    12: value.links,
    13: value.linkGroup,
    15: value.flags,
    16: [
      [long.name, [length, [[extents[0].length, extents[0].ref]]]],
      [short.name, short.value],
    ],
    18: value.content.bytes,
    20: value.trouble,
  }
  assert.deepEqual(cbor(bytes), text)
  const sparse = caseOf('tree.json', 'a file of every kind of extent')
  const [whole, part] = sparse.value.content.extents
  const list = [
    [4000, whole.ref],
    [1000, part.ref, 500],
    [2000, 0],
    [3000, 1],
  ]
  assert.deepEqual((cbor(sparse.bytes) as Record<number, unknown>)[18], list)
  const inner = caseOf('tree.json', 'an inner node')
  const children = inner.value.children.map((c: Record<string, unknown>) => [
    c['lastName'],
    c['ref'],
    c['entries'],
    c['bytes'],
  ])
  assert.deepEqual(cbor(inner.bytes), { 0: 1, 1: children })
})
