// The encoding of age's keys: BIP 173, without its limit of 90 characters.
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const CHECKSUM_CHARS = 6
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** The bytes under `prefix`, which is all in upper or all in lower case as the text must be; undefined for anything else. */
export function decodeBech32(text: string, prefix: string): Uint8Array | undefined {
  if (!text.startsWith(`${prefix}1`)) return undefined
  const upper = prefix === prefix.toUpperCase()
  if (text !== (upper ? text.toUpperCase() : text.toLowerCase())) return undefined
  const digits = [...text.slice(prefix.length + 1).toLowerCase()].map((char) => ALPHABET.indexOf(char))
  if (digits.length < CHECKSUM_CHARS || digits.includes(-1)) return undefined
  const letters = [...prefix.toLowerCase()].map((char) => char.charCodeAt(0))
  const checked = [...letters.map((letter) => letter >>> 5), 0, ...letters.map((letter) => letter & 31), ...digits]
  return checksum(checked) === 1 ? bytesOf(digits.slice(0, -CHECKSUM_CHARS)) : undefined
}

function checksum(digits: readonly number[]): number {
  let sum = 1
  for (const digit of digits) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ digit
    for (const [i, term] of GENERATOR.entries()) if ((top >>> i) & 1) sum ^= term
  }
  return sum >>> 0
}

/** Digits have five bits; those that are left over must be fewer than a digit, and zero. */
function bytesOf(digits: readonly number[]): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((digits.length * 5) / 8))
  let [value, bits, at] = [0, 0, 0]
  for (const digit of digits) {
    value = ((value << 5) | digit) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (value >>> bits) & 0xff
  }
  return bits < 5 && (value & ((1 << bits) - 1)) === 0 ? bytes : undefined
}
