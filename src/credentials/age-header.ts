// The header of an age file (age-encryption.org/v1), read far enough to bound it before a library computes anything. It
// comes from the store: how many stanzas there are and what they ask for is for whoever can write there to choose.
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { AGE_HEADER_MAX, AGE_PAYLOAD_SIZE } from '../format/slot-kinds.ts'

/** One wrapping of the file key. The first of `args` is its type. */
export interface AgeStanza {
  readonly args: readonly string[]
  readonly body: Uint8Array
}

/** Every stanza can cost a try with each identity; nobody has so many recipients for one slot. */
export const AGE_STANZAS_MAX = 64
const VERSION_LINE = 'age-encryption.org/v1'
/** Bytes of a body in one line, and the characters for them. */
const LINE_BYTES = 48
const LINE_CHARS = 64

/**
 * The stanzas of the age file in a key slot. Throws `limit` for what a reader must not try, `corrupt` for what is no age
 * file with a slot secret. The MAC of the header is not checked here: that takes an identity.
 */
export function slotStanzas(file: Uint8Array, subject: string): AgeStanza[] {
  const corrupt = (why: string) =>
    new BackupError('corrupt', `the age file of the key slot ${why}`, subject, { hint: HINT })
  const end = headerEnd(file)
  if (end === -1) throw corrupt('has no header that ends')
  if (end > AGE_HEADER_MAX) throw corrupt(`has a header of ${end} bytes`)
  const payload = file.length - end
  if (payload !== AGE_PAYLOAD_SIZE) throw corrupt(`has ${payload} bytes after its header, not ${AGE_PAYLOAD_SIZE}`)
  const stanzas = parseStanzas(file.subarray(0, end), corrupt)
  if (stanzas.length > AGE_STANZAS_MAX) {
    throw new BackupError('limit', `the key slot is for ${stanzas.length} recipients`, subject, { hint: HINT })
  }
  if (stanzas.some(({ args: [type] }) => type === 'scrypt')) {
    throw new BackupError('limit', 'the age file of the key slot is for a passphrase', subject, { hint: HINT })
  }
  return stanzas
}

const HINT = 'a Holdfast client does not make such a slot; look at who can write to the store'

/** Where the header ends, after the line of its MAC; -1 where there is none. */
function headerEnd(file: Uint8Array): number {
  // The header is text and its last line alone begins like this.
  const mac = Buffer.from(file.buffer, file.byteOffset, file.byteLength).indexOf('\n--- ')
  return mac === -1 ? -1 : file.indexOf(0x0a, mac + 1) + 1 || -1
}

function parseStanzas(header: Uint8Array, corrupt: (why: string) => BackupError): AgeStanza[] {
  const lines = displayText(header).split('\n')
  if (lines[0] !== VERSION_LINE) throw corrupt('is not of version 1')
  const stanzas: AgeStanza[] = []
  let at = 1
  for (let line = lines[at] ?? ''; !line.startsWith('--- '); line = lines[at] ?? '') {
    const args = line.split(' ')
    if (args.shift() !== '->' || args.length === 0 || args.some((arg) => !/^[\x21-\x7e]+$/.test(arg))) {
      throw corrupt(`has a stanza that begins wrongly in line ${at + 1}`)
    }
    const body: Uint8Array[] = []
    for (let full = true; full;) {
      const encoded = lines[++at] ?? ''
      const bytes = fromBase64(encoded)
      if (bytes === null || encoded.length > LINE_CHARS)
        throw corrupt(`has a body that is not base64 in line ${at + 1}`)
      body.push(bytes)
      full = bytes.length === LINE_BYTES
    }
    at++
    stanzas.push({ args, body: new Uint8Array(Buffer.concat(body)) })
  }
  return stanzas
}

/** The bytes of canonical base64 without padding, as age writes it; null for anything else. */
export function fromBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64')
  return toBase64(bytes) === text ? new Uint8Array(bytes) : null
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}
