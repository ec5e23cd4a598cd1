// Text like a database dump: INSERT statements with keys, times, names, prices, identifiers and prose. Made from a seed;
// zstd 3 brings it to about a quarter, like dumps of real shops and forums.
import { closeSync, openSync, writeSync } from 'node:fs'
import { seededRng, type Rng } from '../../src/base/random.ts'

const ROWS_PER_STATEMENT = 100
const WORDS = 4000
const PHRASES = 6000 // prose repeats itself: sentences are put together from these
const SYLLABLES = [
  'ba',
  'con',
  'de',
  'ex',
  'fo',
  'ger',
  'hi',
  'in',
  'ka',
  'lo',
  'mar',
  'no',
  'per',
  'qua',
  're',
  'sen',
  'ti',
  'un',
  'ver',
  'zo',
]

export function writeSqlDump(path: string, bytes: number, seed: number): void {
  const rng = seededRng(seed)
  const words = vocabulary(rng)
  const phrases = Array.from({ length: PHRASES }, () => prose(2 + Math.floor(rng() * 6), words, rng))
  const fd = openSync(path, 'w')
  let written = writeSync(fd, '-- dump of database shop\nSET NAMES utf8mb4;\n')
  for (let row = 1; written < bytes; row += ROWS_PER_STATEMENT) {
    const rows = Array.from({ length: ROWS_PER_STATEMENT }, (_, i) => order(row + i, words, phrases, rng))
    written += writeSync(fd, `INSERT INTO \`orders\` VALUES\n${rows.join(',\n')};\n`)
  }
  closeSync(fd)
}

function order(id: number, words: string[], phrases: string[], rng: Rng): string {
  const time = new Date(1_600_000_000_000 + id * 7_300 + Math.floor(rng() * 7_000))
    .toISOString()
    .replace('T', ' ')
    .slice(0, 19)
  const first = word(words, rng)
  const last = word(words, rng)
  const token = rng() < 0.7 ? 'NULL' : `'${identifier(rng)}'`
  const price = (rng() * rng() * 900 + 1).toFixed(2)
  const state = ['new', 'paid', 'sent', 'sent', 'sent', 'back'][Math.floor(rng() * 6)]
  const note = rng() < 0.4 ? 'NULL' : `'${prose(1 + Math.floor(rng() * 8), phrases, rng)}'`
  return `(${id},'${time}','${first} ${last}','${first}.${last}@example.org',${token},${price},'${state}',${note})`
}

/** 32 hexadecimal digits. */
function identifier(rng: Rng): string {
  const digits = () =>
    Math.floor(rng() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return digits() + digits() + digits() + digits()
}

function prose(length: number, words: string[], rng: Rng): string {
  return Array.from({ length }, () => word(words, rng)).join(' ')
}

/** Low places come up often, as with real words. */
function word(words: string[], rng: Rng): string {
  return words[Math.floor(words.length ** rng()) - 1]!
}

function vocabulary(rng: Rng): string[] {
  const syllable = () => SYLLABLES[Math.floor(rng() * SYLLABLES.length)]!
  return Array.from({ length: WORDS }, (_, i) =>
    Array.from({ length: 1 + (i > 50 ? 1 : 0) + Math.floor(rng() * 2) }, syllable).join(''),
  )
}
