import { utf8 } from '../../../src/base/bytes.ts'
import { createKernel } from '../../../src/chunker/kernel.ts'
import { PieceCutter, pieceWindow } from '../../../src/chunker/pieces.ts'
import { deriveKey, hash, keyedHash } from '../../../src/crypto/hash.ts'
import { keyFileId, keyFileSealingKey } from '../../../src/crypto/keyfile.ts'
import { signingKeyFromSeed } from '../../../src/crypto/signing.ts'
import { padme } from '../../../src/format/padme.ts'
import { writerIdOf } from '../../../src/format/signed-object.ts'
import { slotSecretContext } from '../../../src/format/slot-kinds.ts'
import { reportKeyOf } from '../../../src/format/snapshot-summary.ts'
import { fixedBytes } from '../../support/format-keys.ts'

// Functions rather than objects: a list of inputs and outputs each.

const PLAINTEXTS = ['', 'hello', 'x'.repeat(1025)].map(utf8)

export function derivations(): unknown {
  const keyId = fixedBytes('vector K_id')
  const keyLoc = fixedBytes('vector K_loc')
  const keyCdc = fixedBytes('vector K_cdc')
  const split = deriveKey('holdfast 1 split', keyCdc)
  const seed = fixedBytes('vector writer seed')
  const devIno = new Uint8Array(16)
  new DataView(devIno.buffer).setBigUint64(0, 0xfe01n, true)
  new DataView(devIno.buffer).setBigUint64(8, 1_234_567n, true)
  return {
    about: 'docs/format.md 1, 3, 4, 6 and 7: functions of keys and bytes, and padme as [length, padded length].',
    hash: PLAINTEXTS.map((input) => ({ input, H: hash(input) })),
    domain: {
      keyId,
      keyLoc,
      keyCdc,
      refKeys: Object.fromEntries(['data', 'tree', 'list'].map((t) => [t, deriveKey(`holdfast 1 ref ${t}`, keyId)])),
      splitKey: split,
      splitKeyOfLevel1: deriveKey('holdfast 1 split level 1', split),
    },
    blobs: PLAINTEXTS.slice(1).flatMap((plaintext) =>
      ['data', 'tree', 'list'].map((type) => {
        const ref = keyedHash(deriveKey(`holdfast 1 ref ${type}`, keyId), plaintext)
        return { type, plaintext, ref, locator: keyedHash(keyLoc, ref).slice(0, 24) }
      }),
    ),
    linkGroup: { dev: 0xfe01, ino: 1_234_567, linkGroup: keyedHash(split, devIno).slice(0, 8) },
    writer: {
      seed,
      publicKey: signingKeyFromSeed(seed).publicKey,
      wid: writerIdOf(signingKeyFromSeed(seed).publicKey),
      message: utf8('hello'),
      signature: signingKeyFromSeed(seed).sign(utf8('hello')),
    },
    schedule: schedule(),
    padme: [1, 2, 3, 9, 15, 16, 17, 33, 1000, 1025, 1_048_577, 33_554_431, 33_554_433].map((n) => [n, padme(n)]),
  }
}

/** Every key that is derived from another one, beside those above and those of the chunker. */
function schedule(): unknown {
  const keyIdx = fixedBytes('vector K_idx')
  const secret = fixedBytes('vector slot secret')
  const key = fixedBytes('vector sealing key')
  const salt = fixedBytes('vector salt', 24)
  const partKey = keyedHash(deriveKey('holdfast 1 seal', key), salt)
  const wrapping = ['age', 'shares', 'openpgp', 'pkcs11', 'tpm'] as const
  return {
    keyIdx,
    reportKey: reportKeyOf({ keyIdx }),
    labelKey: deriveKey('holdfast 1 label', keyIdx),
    slotSecret: secret,
    slotSealingKeys: {
      keyFile: keyFileSealingKey(secret),
      ...Object.fromEntries(wrapping.map((kind) => [kind, deriveKey(slotSecretContext(kind), secret)])),
    },
    keyFileId: keyFileId(secret),
    sealing: {
      key,
      saltKey: deriveKey('holdfast 1 salt', key),
      salt,
      partKey,
      tagKeyOfSuite0: deriveKey('holdfast 1 suite 0 tag', partKey),
    },
    kem: { material: fixedBytes('vector kem', 96), wrapKey: deriveKey('holdfast 1 kem', fixedBytes('vector kem', 96)) },
  }
}

const SIZES = { min: 1024, average: 4096, max: 16_384 }

export function chunking(): unknown {
  const cdcKey = fixedBytes('vector K_cdc')
  const contentKey = fixedBytes('vector content')
  const content = randomContent(contentKey, 400_000)
  content.fill(0, 100_000, 200_000)
  content.fill(0, 300_000, 310_000)
  const kernel = createKernel({ arenaSize: content.length + 65_536, cdcKey, params: SIZES })
  kernel.memory.set(content)
  const table = Array.from({ length: 256 }, (_, i) => keyedHash(cdcKey, Uint8Array.of(i)).slice(0, 8))
  return {
    about:
      'docs/format.md 6.4. The content: bytes 0 to 400,000 of KH(contentKey, u32 0) | KH(contentKey, u32 1) | …, with ' +
      'bytes 100,000 to 200,000 and 300,000 to 310,000 set to zero. `pieces` are [length, kind] in order.',
    cdcKey,
    contentKey,
    sizes: SIZES,
    gearTableBegins: table.slice(0, 4),
    gearTableHash: hash(new Uint8Array(Buffer.concat(table))),
    contentHash: hash(content),
    pieces: piecesOf(kernel, content.length),
  }
}

function piecesOf(kernel: ReturnType<typeof createKernel>, length: number): [number, string][] {
  const cutter = new PieceCutter(kernel)
  const pieces: [number, string][] = []
  for (let at = 0; at < length;) {
    const present = Math.min(length - at, pieceWindow(kernel))
    const piece = cutter.next(at, present, at + present === length)
    const last = pieces.at(-1)
    if (cutter.zeros && last?.[1] === 'zero') last[0] += piece
    else pieces.push([piece, cutter.zeros ? 'zero' : 'chunk'])
    at += piece
  }
  return pieces
}

function randomContent(key: Uint8Array, length: number): Uint8Array {
  const content = new Uint8Array(length)
  const counter = new Uint8Array(4)
  for (let at = 0, n = 0; at < length; at += 32, n++) {
    new DataView(counter.buffer).setUint32(0, n, true)
    content.set(keyedHash(key, counter).subarray(0, Math.min(32, length - at)), at)
  }
  return content
}
