// Names are bytes; programs pass text around. Here every byte string has exactly one text and back: valid UTF-8 is
// itself, and a byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte (as in Python's PEP 383).
// The command line uses such text for arguments and for names, and only escape.ts and json-lines.ts let it out.
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { asBuffer, utf8 } from '../base/bytes.ts'

const LONE_BYTE = /[\udc80-\udcff]/
const LONE_BYTES = /(?<![\ud800-\udbff])[\udc80-\udcff]/g

/** Text that stands for these bytes and for no others. */
export function textOfBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return asBuffer(bytes).toString('utf8')
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]!)
    const sequence = bytes.subarray(at, at + length)
    if (sequence.length === length && isUtf8(sequence)) {
      text += asBuffer(sequence).toString('utf8')
      at += length
    } else {
      text += String.fromCharCode(0xdc00 + bytes[at]!)
      at++
    }
  }
  return text
}

/** The bytes that `textOfBytes` made this text from; for any other text, its UTF-8. */
export function bytesOfText(text: string): Uint8Array {
  if (!LONE_BYTE.test(text)) return utf8(text)
  const parts: Uint8Array[] = []
  let from = 0
  for (const match of text.matchAll(LONE_BYTES)) {
    parts.push(utf8(text.slice(from, match.index)), new Uint8Array([match[0].charCodeAt(0) - 0xdc00]))
    from = match.index + 1
  }
  parts.push(utf8(text.slice(from)))
  return Buffer.concat(parts)
}

/**
 * The program's arguments without loss. Node replaces bytes that are not UTF-8 by U+FFFD; on Linux the original
 * bytes of the last arguments can be read back from the kernel.
 */
export function nativeArguments(decoded: readonly string[], readCommandLine = readOwnCommandLine): string[] {
  if (!decoded.some((argument) => argument.includes('\ufffd'))) return [...decoded]
  const raw = readCommandLine()
  if (raw === null || raw.length < decoded.length) return [...decoded]
  return raw.slice(raw.length - decoded.length).map(textOfBytes)
}

function readOwnCommandLine(): Uint8Array[] | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync('/proc/self/cmdline')
  } catch {
    return null // not Linux: the replaced characters are all there is
  }
  const parts: Uint8Array[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(0, from)
    parts.push(bytes.subarray(from, end))
    from = end + 1
  }
  return parts
}

/** How many bytes the UTF-8 sequence has that begins with this byte; 1 also for bytes that cannot begin one. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4
  if (first >= 0xe0) return 3
  return first >= 0xc0 ? 2 : 1
}
