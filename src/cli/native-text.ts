// Names are bytes; programs pass text around. Here every byte string has exactly one text and back, as rules see them
// (source/path-text.ts): a byte that is not part of valid UTF-8 is the lone surrogate U+DC00 + byte. Arguments and names
// are such text within the command line; only escape.ts and json-lines.ts let it out.
import { readFileSync, readlinkSync } from 'node:fs'
import { displayText, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { textOfBytes } from '../source/path-text.ts'

export { textOfBytes }

const LONE_BYTE = /[\udc80-\udcff]/
const LONE_BYTES = /(?<![\ud800-\udbff])[\udc80-\udcff]/g

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

/**
 * The argument itself when the system can be asked for it by text; sources may have any name, but the repository, the
 * target and files of secrets have to be UTF-8. Throws `unsupported`.
 */
export function plainPath(text: string): string {
  if (!LONE_BYTE.test(text)) return text
  throw new BackupError(
    'unsupported',
    'only what is backed up may have a name that is no UTF-8',
    displayText(bytesOfText(text)),
    {
      hint: 'go into the folder and name it `.`',
    },
  )
}

/** The working folder as text without loss; Node's own replaces bytes that are not UTF-8. */
export function nativeWorkingFolder(): string {
  const decoded = process.cwd()
  if (!decoded.includes('\ufffd')) return decoded
  try {
    return textOfBytes(readlinkSync('/proc/self/cwd', 'buffer'))
  } catch {
    return decoded // not Linux
  }
}
