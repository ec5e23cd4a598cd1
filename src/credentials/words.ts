// Bytes as words that a person can copy by hand: 11 bits a word, the first word has the first bits. What is typed back may
// have other case, line breaks, numbers before the words, and only the first four letters of a word.
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import { nearWords } from '../base/near-words.ts'
import { WORDS } from './word-list.ts'

const BITS = 11
/** As many letters tell all words of the list apart; some words are shorter. */
const SIGNIFICANT_LETTERS = 4
/** Longer texts are no words that somebody copied. */
const TEXT_MAX = 64 * 1024
const SUGGESTIONS_MAX = 3

/** The number of bits must be a multiple of 11. */
export function wordsOfBytes(bytes: Uint8Array): string[] {
  assert((bytes.length * 8) % BITS === 0, 'bytes fill their words')
  const words: string[] = []
  let held = 0
  let heldBits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    heldBits += 8
    if (heldBits < BITS) continue
    heldBits -= BITS
    words.push(WORDS[held >> heldBits]!)
    held &= (1 << heldBits) - 1
  }
  return words
}

/**
 * The bytes of `count` words in what somebody typed. Throws `usage` naming `subject` and the number of the word that is not
 * in the list, or how many words there are instead.
 */
export function bytesOfWords(text: string, count: number, subject: string): Uint8Array {
  if (text.length > TEXT_MAX) throw new BackupError('usage', `these are not ${count} words`, subject)
  const typed = typedWords(text)
  const bytes = new Uint8Array((count * BITS) / 8)
  let held = 0
  let heldBits = 0
  let at = 0
  // A word that is wrong is told before a word that is missing: it can be two, written together.
  const indexes = typed.map((word, i) => wordIndex(word, i + 1, subject))
  if (indexes.length !== count) {
    throw new BackupError('usage', `${indexes.length} words were given, ${count} are needed`, subject)
  }
  for (const index of indexes) {
    held = (held << BITS) | index
    heldBits += BITS
    for (; heldBits >= 8; heldBits -= 8) bytes[at++] = held >> (heldBits - 8)
    held &= (1 << heldBits) - 1
  }
  return bytes
}

/**
 * Throws `usage` for a file that is a sheet, or a picture of one, and has not its code: all that is printed on it is more than
 * words.
 */
export function refuseSheet(text: string, subject: string): void {
  if (!/^%PDF-|Holdfast (recovery sheet|share \d)/.test(text)) return
  throw new BackupError('usage', 'the code of a sheet is not in this file', subject, {
    hint: 'it is cut off, or a picture of the sheet: type the words that are printed on it',
  })
}

/** Lower-case words; numbers and punctuation around them are not theirs. */
export function typedWords(text: string): string[] {
  return text.toLowerCase().match(/\p{L}+/gu) ?? []
}

/** Throws `usage` when it is not in the list, or too short to tell. */
export function checkWord(typed: string, position: number, subject: string): void {
  wordIndex(typed, position, subject)
}

function wordIndex(typed: string, position: number, subject: string): number {
  const matches = completions(typed)
  if (matches.length === 1 && (matches[0] === typed || typed.length >= SIGNIFICANT_LETTERS)) {
    return WORDS.indexOf(matches[0]!)
  }
  const candidates = matches.length > 0 ? matches.slice(0, SUGGESTIONS_MAX) : nearWords(typed, WORDS, SUGGESTIONS_MAX)
  const hint = candidates.length === 0 ? undefined : `did you mean ${candidates.join(' or ')}?`
  throw new BackupError('usage', `word ${position} is no word of the list`, subject, hint === undefined ? {} : { hint })
}

/** The words that begin like this, or the one that it is. */
function completions(typed: string): readonly string[] {
  return WORDS.includes(typed) ? [typed] : WORDS.filter((word) => word.startsWith(typed))
}
