// Numbers of copies in the trash that have damaged bytes (docs/format.md, 9.5): of a snapshot that was forgotten because it
// could not be read. Who has no key tells by it that the copy has the bytes it was made of.
//   offset  size  what
//   0       8     random, so that no number comes twice
//   8       8     the first bytes of H over these 8 and the copy
import { concatBytes, equalBytes, fromHex } from '../base/bytes.ts'
import { hash } from '../crypto/hash.ts'
import { ID_SIZE } from './names.ts'

const RANDOM_SIZE = 8

/** `random` has at least 8 bytes. */
export function numberOfDamagedCopy(bytes: Uint8Array, random: Uint8Array): Uint8Array {
  const salt = random.subarray(0, RANDOM_SIZE)
  return concatBytes([salt, hash(concatBytes([salt, bytes])).subarray(0, ID_SIZE - RANDOM_SIZE)])
}

/** Whether a copy with this number, hex, was put with these bytes though they are not those of the snapshot. */
export function isDamagedCopy(number: string, bytes: Uint8Array): boolean {
  const known = fromHex(number)!
  return equalBytes(numberOfDamagedCopy(bytes, known), known)
}
