// docs/format.md, 9.3: a checkpoint as people keep it: lines of base32 in groups of five, each with its number and two
// letters that tell whether it was copied well. What stands around the lines is for people and not read.
//
//   1: 2m04t nqwp6 … 3ac0e  7k
import { fromBase32, toBase32, typedBase32 } from '../base/base32.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { CHECKPOINT_SIZE_MAX, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'
import type { Checkpoint } from './checkpoint.ts'

const GROUP = 5
const GROUPS = 8
const LINE = GROUP * GROUPS
const CHECK = 2
/** Begins the form in one word, for QR codes and programs. */
const WORD_PREFIX = 'holdfast-checkpoint:'
/** Characters that are read at all: the letters, the numbers of lines, and as much again for people. */
const TEXT_MAX = CHECKPOINT_SIZE_MAX * 4

/** Lines to be printed or copied by hand, with a heading; each ends with a newline. */
export function checkpointText(checkpoint: Checkpoint): string {
  const letters = toBase32(encodeCheckpoint(checkpoint))
  const lines: string[] = [
    `Holdfast checkpoint of ${new Date(checkpoint.time * 1000).toISOString().replace('.000', '')}`,
    `  repository ${toHex(checkpoint.repoId)}`,
    `  root key   ${toHex(checkpoint.fingerprint)}`,
    `  holds      ${holdings(checkpoint)}`,
  ]
  for (let at = 0, number = 1; at < letters.length; at += LINE, number++) {
    const part = letters.slice(at, at + LINE)
    const groups = part.match(new RegExp(`.{1,${GROUP}}`, 'g'))!.join(' ')
    lines.push(`${String(number).padStart(3)}: ${groups}  ${checkOf(number, part)}`)
  }
  return `${lines.join('\n')}\n`
}

/** The same in one word, in capitals: as short as a QR code can have it. */
export function checkpointWord(checkpoint: Checkpoint): string {
  return (WORD_PREFIX + toBase32(encodeCheckpoint(checkpoint))).toUpperCase()
}

/** Either form, wherever it stands in a text. Throws `corrupt` naming the line that was copied wrongly, or `subject`. */
export function parseCheckpoint(text: string, subject: string): Checkpoint {
  if (text.length > TEXT_MAX) throw new BackupError('limit', `a text of ${text.length} characters`, subject)
  const word = new RegExp(`${WORD_PREFIX}([0-9a-z]+)`, 'i').exec(text)
  return decodeCheckpoint(bytesOf(word?.[1] ?? lettersOfLines(text, subject), subject), subject)
}

function lettersOfLines(text: string, subject: string): string {
  let letters = ''
  let next = 1
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+):([\s0-9a-z-]+)$/i.exec(line)
    if (match === null) continue
    const number = Number(match[1])
    // Read as it is written, so that the check does not depend on capitals or on letters for digits.
    const all = typedBase32(match[2]!)
    const part = all.slice(0, -CHECK)
    if (number !== next) throw damagedLine(`line ${next} is missing`, subject)
    if (part.length > LINE || all.slice(-CHECK) !== checkOf(number, part)) {
      throw damagedLine(`line ${number} was not copied well`, subject)
    }
    letters += part
    next++
  }
  if (letters !== '') return letters
  throw new BackupError('corrupt', 'there is no checkpoint in this text', subject, {
    hint: 'give all of it: the lines that begin with a number and a colon',
  })
}

function checkOf(number: number, part: string): string {
  return toBase32(hash(utf8(`holdfast checkpoint line ${number} ${part}`))).slice(0, CHECK)
}

function bytesOf(letters: string, subject: string): Uint8Array {
  const bytes = fromBase32(letters)
  if (bytes !== null) return bytes
  throw damagedLine('it was not copied well', subject)
}

function damagedLine(what: string, subject: string): BackupError {
  return new BackupError('corrupt', `checkpoint: ${what}`, subject, { hint: 'compare it with the original' })
}

function holdings({ snapshots, records, heads }: Checkpoint): string {
  const chains = 'root' in heads ? heads.chains : heads.length
  const of = chains === 1 ? '1 chain' : `${chains} chains`
  return `${snapshots === 1 ? '1 snapshot' : `${snapshots} snapshots`} and ${records === 1 ? '1 log record' : `${records} log records`} in ${of}`
}
