// Base32 in Crockford's alphabet: what people copy by hand, without letters that look like others.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const VALUES = new Map<string, number>([
  ...[...ALPHABET].map((letter, value) => [letter, value] as const),
  ['i', 1],
  ['l', 1],
  ['o', 0],
])

/** Lower case; the last letter has zeros for the bits that are left. */
export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31]
}

/** Takes capitals, and letters for the digits they are mistaken for. Null when it is no base32, or has bits left over. */
export function fromBase32(text: string): Uint8Array | null {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of text.toLowerCase()) {
    const five = VALUES.get(letter)
    if (five === undefined) return null
    value = (value << 5) | five
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push(value >>> bits)
    value &= (1 << bits) - 1
  }
  return bits < 5 && value === 0 ? new Uint8Array(bytes) : null
}

/** The letters of what somebody has typed: without spaces and hyphens, in lower case, as `toBase32` writes them. */
export function typedBase32(text: string): string {
  return text.replaceAll(/[\s-]/g, '').toLowerCase().replaceAll(/[il]/g, '1').replaceAll('o', '0')
}
