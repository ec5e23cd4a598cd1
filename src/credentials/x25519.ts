// X25519 (RFC 7748) on raw keys, and the way from Ed25519 keys to X25519 keys that age takes for SSH keys.
import { createHash, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'

const P = 2n ** 255n - 19n

/** 32 bytes. Throws for a point of small order. */
export function x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array {
  const privateKey = createPrivateKey({ key: asBuffer(scalar), format: 'raw-private', asymmetricKeyType: 'x25519' })
  const publicKey = createPublicKey({ key: asBuffer(point), format: 'raw-public', asymmetricKeyType: 'x25519' })
  return new Uint8Array(diffieHellman({ privateKey, publicKey }))
}

/** The public key of a private key. */
export function x25519Public(scalar: Uint8Array): Uint8Array {
  return x25519(scalar, BASE_POINT)
}

/** Whether nothing secret can be agreed on with this key. */
export function isOfSmallOrder(point: Uint8Array): boolean {
  try {
    x25519(BASE_POINT, point)
    return false
  } catch {
    return true
  }
}

/** The X25519 scalar that belongs to the seed of an Ed25519 key. */
export function scalarOfEd25519Seed(seed: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(seed).digest().subarray(0, 32))
}

/** The X25519 public key that belongs to an Ed25519 one: u = (1 + y) / (1 - y). */
export function montgomeryOfEd25519(publicKey: Uint8Array): Uint8Array {
  const littleEndian = Uint8Array.from(publicKey)
  littleEndian[31]! &= 0x7f // the sign of x, which u does not depend on
  const y = BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`)
  const u = (((1n + y) % P) * inverse((P + 1n - (y % P)) % P)) % P
  return new Uint8Array(Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse())
}

const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31))

/** By Fermat's little theorem; the values are public. */
function inverse(value: bigint): bigint {
  let result = 1n
  let square = value
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}
