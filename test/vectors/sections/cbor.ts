import { fromHex, toHex } from '../../../src/base/bytes.ts'
import {
  CborReader,
  MAJOR_ARRAY,
  MAJOR_BYTES,
  MAJOR_MAP,
  MAJOR_NEGATIVE,
  MAJOR_TEXT,
  MAJOR_UINT,
} from '../../../src/base/cbor.ts'
import type { Section } from '../section.ts'

const bytes = (hex: string) => fromHex(hex.replaceAll(' ', ''))!

// Hex and diagnostic notation (RFC 8949, 8).
const ok: [string, string][] = [
  ['00', '0'],
  ['17', '23'],
  ['1818', '24'],
  ['18ff', '255'],
  ['190100', '256'],
  ['19ffff', '65535'],
  ['1a00010000', '65536'],
  ['1affffffff', '4294967295'],
  ['1b0000000100000000', '4294967296'],
  ['1bffffffffffffffff', '18446744073709551615'],
  ['20', '-1'],
  ['3818', '-25'],
  ['3b001ffffffffffffe', '-9007199254740991'],
  ['f4', 'false'],
  ['f5', 'true'],
  ['40', "h''"],
  ['4401020304', "h'01020304'"],
  ['60', '""'],
  ['62c3bc', '"ü"'],
  ['80', '[]'],
  ['8301820203820405', '[1, [2, 3], [4, 5]]'],
  ['a0', '{}'],
  ['a201020304', '{1: 2, 3: 4}'],
  ['a21703181804', '{23: 3, 24: 4}'],
  ['818181818181818181818181818181 80', '[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]'],
]

const fail: [string, string][] = [
  ['', 'nothing'],
  ['1817', 'one byte where the head is enough'],
  ['1900ff', 'two bytes where one is enough'],
  ['1a0000ffff', 'four bytes where two are enough'],
  ['1b00000000ffffffff', 'eight bytes where four are enough'],
  ['3b001fffffffffffff', 'a negative integer below -(2^53-1)'],
  ['580100', 'a length of bytes that is longer than needed'],
  ['780161', 'a length of text that is longer than needed'],
  ['980100', 'a count of an array that is longer than needed'],
  ['b8010000', 'a count of a map that is longer than needed'],
  ['5f4100ff', 'bytes of indefinite length'],
  ['7f6161ff', 'text of indefinite length'],
  ['9f00ff', 'an array of indefinite length'],
  ['bf0000ff', 'a map of indefinite length'],
  ['1c', 'a reserved length'],
  ['c000', 'a tag'],
  ['f6', 'null'],
  ['f7', 'undefined'],
  ['f814', 'false in two bytes'],
  ['f93c00', 'a float'],
  ['fb3ff0000000000000', 'a double'],
  ['a201000100', 'a key twice'],
  ['a202000100', 'keys in descending order'],
  ['a1616100', 'a key that is text'],
  ['a12000', 'a key that is negative'],
  ['a100', 'a key without a value'],
  ['61ff', 'text that is not UTF-8'],
  ['62c080', 'an overlong form in UTF-8'],
  ['63eda080', 'a surrogate in UTF-8'],
  ['4200', 'bytes that end early'],
  ['8100 00', 'an item too many'],
  ['5b7fffffffffffffff', 'bytes longer than memory'],
  ['9b001fffffffffffff', 'an array longer than memory'],
  ['ba00ffffff0000', 'a map longer than the input'],
  ['81818181818181818181818181818181 80', '17 arrays, one in the other'],
]

export const cborSection: Section = {
  file: 'cbor.json',
  about: 'docs/format.md 1.1. Each case is one item; `value` is its diagnostic notation (RFC 8949, 8).',
  given: () => ({}),
  ok: () => ok.map(([hex, value]) => ({ name: value, kind: 'item', bytes: bytes(hex), value })),
  fail: () => fail.map(([hex, name]) => ({ name, kind: 'item', bytes: bytes(hex), error: 'corrupt' as const })),
  read: (_kind, item, subject) => {
    const r = new CborReader(item, subject)
    const text = diagnostic(r)
    r.end()
    return text
  },
}

function diagnostic(r: CborReader): string {
  switch (r.major()) {
    case MAJOR_UINT:
      return r.bigUint().toString()
    case MAJOR_NEGATIVE:
      return r.int().toString()
    case MAJOR_BYTES:
      return `h'${toHex(r.bytes())}'`
    case MAJOR_TEXT:
      return JSON.stringify(r.text())
    case MAJOR_ARRAY: {
      const items = Array.from({ length: r.array() }, () => diagnostic(r))
      r.leave()
      return `[${items.join(', ')}]`
    }
    case MAJOR_MAP: {
      let key = -1
      const pairs = Array.from({ length: r.map() }, () => `${(key = r.key(key))}: ${diagnostic(r)}`)
      r.leave()
      return `{${pairs.join(', ')}}`
    }
    default:
      return String(r.bool())
  }
}
