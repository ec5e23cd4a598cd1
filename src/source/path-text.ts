// Paths are bytes; rules are written as text. A path is matched as the text that its bytes are in UTF-8. Each byte that is
// not part of valid UTF-8 becomes one character, U+DC00 plus the byte, as Python does it (PEP 383): nothing else turns into
// these characters, so a name that is not UTF-8 can still be matched: by `?` or `*`, by `\udcff` in a regular expression,
// or by the same raw byte in a file of patterns, which is read in the same way.
import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'

/** The text that rules see for a name given as a key (one character for each byte, see posix/directory.ts). */
export function textOfKey(key: string): string {
  // Names are ASCII nearly always, and then the key is the text.
  return NOT_ASCII.test(key) ? textOfBytes(Buffer.from(key, 'latin1')) : key
}

/** The text of bytes that need not be UTF-8; different bytes give different texts. */
export function textOfBytes(bytes: Uint8Array): string {
  return isUtf8(bytes) ? asBuffer(bytes).toString('utf8') : withEscapedBytes(bytes)
}

const NOT_ASCII = /[\x80-\xff]/
const ESCAPE = 0xdc00

function withEscapedBytes(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = validSequence(bytes, at)
    text += length === 0 ? String.fromCharCode(ESCAPE + bytes[at]!) : asBuffer(bytes).toString('utf8', at, at + length)
    at += length === 0 ? 1 : length
  }
  return text
}

/** Length of the UTF-8 sequence at `at`, 0 if none begins there. */
function validSequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0
  if (length === 0 || at + length > bytes.length) return 0
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0
}
