// Reads repository objects from the text of docs/format.md alone: nothing of src/ is used, and other libraries do the
// cryptography. It takes valid objects only; what must be refused is tested elsewhere.
import { createPrivateKey, createPublicKey, decapsulate as openMlKem } from 'node:crypto'
import { gcm } from '@noble/ciphers/aes.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { blake3 } from '@noble/hashes/blake3.js'

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
export const u32 = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32LE(at)
export const u16 = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt16LE(at)

// 1. Primitives.
export const H = (x: Uint8Array): Uint8Array => blake3(x)
export const KH = (key: Uint8Array, x: Uint8Array): Uint8Array => blake3(x, { key })
export const DK = (context: string, key: Uint8Array): Uint8Array => blake3(key, { context: Buffer.from(context) })

/** 1.1: byte strings as hex, maps as objects, integers as numbers where they fit. */
export function cbor(bytes: Uint8Array): unknown {
  let at = 0
  const item = (): unknown => {
    const major = bytes[at]! >> 5
    const info = bytes[at++]! & 31
    let argument = BigInt(info)
    if (info >= 24 && major < 7) {
      const size = 1 << (info - 24)
      argument = BigInt(`0x${toHex(bytes.subarray(at, at + size))}`)
      at += size
    }
    const n = Number(argument)
    if (major === 0) return Number.isSafeInteger(n) ? n : argument.toString()
    if (major === 1) return -1 - n
    if (major === 2 || major === 3) {
      const content = bytes.subarray(at, (at += n))
      return major === 2 ? toHex(content) : Buffer.from(content).toString()
    }
    if (major === 4) return Array.from({ length: n }, item)
    if (major === 5) return Object.fromEntries(Array.from({ length: n }, () => [item(), item()]))
    return info === 21
  }
  const value = item()
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes are left`)
  return value
}

/** 1.3, suite 1. */
export function open(
  key: Uint8Array,
  repoId: Uint8Array,
  type: number,
  context: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  const what = joined(Uint8Array.of(1, type), context)
  const salt = sealed.subarray(0, 24)
  const blockKey = KH(DK('holdfast 1 seal', key), salt)
  const plain = gcm(blockKey, new Uint8Array(12), joined(repoId, what)).decrypt(sealed.subarray(24))
  const again = KH(KH(DK('holdfast 1 salt', key), what), plain).subarray(0, 24)
  if (toHex(again) !== toHex(salt)) throw new Error('salt and plaintext do not belong together')
  return plain
}

/** 1.2: what follows the header of a suite 1 object. */
export function content(object: Uint8Array, type: number): Uint8Array {
  const header = toHex(object.subarray(0, 8))
  if (header !== `48465354${toHex(Uint8Array.of(type))}010100`) throw new Error(`header is ${header}`)
  return object.subarray(8)
}

/** What lies between header and signature, the signature checked. */
export function signed(object: Uint8Array, type: number, publicKey: Uint8Array): Uint8Array {
  const end = object.length - 64
  if (!ed25519.verify(object.subarray(end), object.subarray(0, end), publicKey)) throw new Error('signature is wrong')
  return content(object, type).subarray(0, end - 8)
}

/** 3.6: the map of a key slot, its signature checked where an administrator has made it. */
export function slotMap(object: Uint8Array, rootPublic: Uint8Array | undefined): Uint8Array {
  return rootPublic === undefined ? content(object, 7) : signed(object, 7, rootPublic)
}

/** Where the value of key 1 of a map ends, whose keys 0 and 1 come first. */
export function endOfKey1(map: Uint8Array): number {
  for (let end = 3; end < map.length; end++) {
    if (map[end] !== 2) continue
    try {
      cbor(joined(Uint8Array.of(0xa2), map.subarray(1, end)))
      return end
    } catch {}
  }
  throw new Error('there is no key 2')
}

/** 3.6: the key pair of a slot. */
export function slotKeyPair(slotKey: Uint8Array, repoId: Uint8Array) {
  const base = DK('holdfast 1 slot kem', slotKey)
  const [x, d, z] = [0, 1, 2].map((number) => KH(base, joined(repoId, Uint8Array.of(number))))
  const seed = Buffer.from(joined(d!, z!))
  const mlKem = createPrivateKey({ key: seed, format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' })
  const encapsulationKey = createPublicKey(mlKem).export({ format: 'raw-public' })
  const publicKey = joined(x25519.getPublicKey(x!), encapsulationKey)
  const decapsulate = (ct: Uint8Array): Uint8Array => {
    const shared = x25519.getSharedSecret(x!, ct.subarray(0, 32))
    const postQuantum = openMlKem(mlKem, ct.subarray(32))
    return DK('holdfast 1 kem', joined(shared, postQuantum, H(joined(ct, publicKey))))
  }
  return { publicKey, decapsulate }
}

/** 5, 8, 9: the body of an object `wid | seal(K_idx, type, wid, body)`. */
export function sealedBody(
  object: Uint8Array,
  type: number,
  keys: { keyIdx: Uint8Array; repoId: Uint8Array; publicKey: Uint8Array },
): Uint8Array {
  const part = signed(object, type, keys.publicKey)
  const wid = part.subarray(0, 16)
  if (toHex(wid) !== toHex(H(keys.publicKey).subarray(0, 16))) throw new Error('the writer is another one')
  return open(keys.keyIdx, keys.repoId, type, wid, part.subarray(16))
}

export interface TableBlock {
  storedLength: number
  plainLength: number
  codec: number
  session: number
  locs: string
  lengths: number[]
  offset: number
}

/** 4: the tables of b blocks and n blobs, and where they end. */
export function tables(bytes: Uint8Array, at: number, b: number, n: number): { blocks: TableBlock[]; end: number } {
  const blocks: TableBlock[] = []
  let offset = 8
  let blob = 0
  const locsAt = at + 15 * b
  const lengthsAt = locsAt + 24 * n
  for (let i = 0; i < b; i++) {
    const record = at + 15 * i
    const storedLength = u32(bytes, record)
    const count = u32(bytes, record + 11)
    blocks.push({
      storedLength,
      plainLength: u32(bytes, record + 4),
      codec: bytes[record + 8]!,
      session: u16(bytes, record + 9),
      locs: toHex(bytes.subarray(locsAt + 24 * blob, locsAt + 24 * (blob + count))),
      lengths: Array.from({ length: count }, (_, k) => u32(bytes, lengthsAt + 4 * (blob + k))),
      offset,
    })
    offset += storedLength
    blob += count
  }
  return { blocks, end: lengthsAt + 4 * n }
}

/** 4: one LZ4 block (lz4_Block_format.md). */
export function lz4Block(packed: Uint8Array): Uint8Array {
  const plain: number[] = []
  let at = 0
  const longer = (length: number) => {
    if (length !== 15) return length
    let more
    do length += more = packed[at++]!
    while (more === 255)
    return length
  }
  while (at < packed.length) {
    const token = packed[at++]!
    for (let left = longer(token >> 4); left > 0; left--) plain.push(packed[at++]!)
    if (at === packed.length) break
    const back = u16(packed, at)
    at += 2
    for (let left = longer(token & 15) + 4; left > 0; left--) plain.push(plain[plain.length - back]!)
  }
  return Uint8Array.from(plain)
}

/** 4: padme. */
export function padme(length: number): number {
  const E = Math.floor(Math.log2(length))
  if (E < 1) return length
  const S = Math.floor(Math.log2(E)) + 1
  const unit = 2 ** Math.max(0, E - S)
  return Math.ceil(length / unit) * unit
}

/** 6.4: pieces of content as [length, kind]. */
export function pieces(
  content: Uint8Array,
  cdcKey: Uint8Array,
  sizes: { min: number; average: number; max: number },
): [number, string][] {
  const gear = Array.from({ length: 256 }, (_, i) => Buffer.from(KH(cdcKey, Uint8Array.of(i))).readBigUInt64LE(0))
  const found: [number, string][] = []
  let at = 0
  for (const [start, end] of [...zeroRuns(content), [content.length, content.length]] as const) {
    while (at < start) {
      const length = cut(content.subarray(at, start), gear, sizes)
      found.push([length, 'chunk'])
      at += length
    }
    if (end > start) found.push([end - start, 'zero'])
    at = end
  }
  return found
}

function zeroRuns(content: Uint8Array): [number, number][] {
  const runs: [number, number][] = []
  for (let page = 0; page + 4096 <= content.length; page += 4096) {
    if (content.subarray(page, page + 4096).some((byte) => byte !== 0)) continue
    const last = runs.at(-1)
    if (last?.[1] === page) last[1] += 4096
    else runs.push([page, page + 4096])
  }
  return runs.filter(([start, end]) => end - start >= 65_536)
}

function cut(
  stretch: Uint8Array,
  gear: readonly bigint[],
  { min, average, max }: { min: number; average: number; max: number },
): number {
  const bits = Math.log2(average)
  const end = Math.min(stretch.length, max)
  let h = 0n
  for (let p = 0; p < end; p++) {
    const limit = 1n << BigInt(64 - (p < average ? bits + 2 : bits - 2))
    if (p >= min && h < limit) return p
    h = ((h << 1n) + gear[stretch[p]!]!) & 0xffff_ffff_ffff_ffffn
  }
  return end
}
