import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { formatKeyFile } from '../crypto/keyfile.ts'
import { parseRecoverySecret, recoveryWords } from './recovery-words.ts'
import { parseShares } from './share.ts'
import { WORDS } from './word-list.ts'
import { bytesOfWords, wordsOfBytes } from './words.ts'

const usage = (what: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError && error.code === 'usage')
  assert.match(error.message, what)
  if (hint !== undefined) assert.match(error.hint ?? '', hint)
  return true
}

test('the words are those of BIP-39', () => {
  const sha256 = createHash('sha256')
    .update(utf8(`${WORDS.join('\n')}\n`))
    .digest('hex')
  assert.equal(sha256, '2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda')
})

test('the first four letters tell every word from all others', () => {
  assert.equal(new Set(WORDS.map((word) => word.slice(0, 4))).size, 2048)
})

test('a secret has the words that BIP-39 gives', () => {
  // github.com/trezor/python-mnemonic, vectors.json: those with 256 bits of entropy.
  const vectors = [
    ['00'.repeat(32), `${'abandon '.repeat(23)}art`],
    [
      '7f'.repeat(32),
      'legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title',
    ],
    [
      '80'.repeat(32),
      'letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless',
    ],
    ['ff'.repeat(32), `${'zoo '.repeat(23)}vote`],
    [
      '68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c',
      'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
    ],
    [
      'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
      'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
    ],
  ] as const
  for (const [hex, words] of vectors) {
    assert.equal(recoveryWords(fromHex(hex)!).join(' '), words)
    assert.deepEqual(parseRecoverySecret(words, 'words'), fromHex(hex))
  }
})

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

test('words come back as the bytes they were made of, however they are typed', () => {
  const styles: readonly ((word: string, i: number) => string)[] = [
    (word) => `${word} `,
    (word) => `${word.toUpperCase()}\r\n`,
    (word, i) => `${i + 1}. ${word}\t`,
    (word, i) => `${i + 1}) ${word.slice(0, 4)},`,
    (word) => `\u00a0${word.slice(0, 5)}-`,
  ]
  fc.assert(
    fc.property(bytes(44), fc.constantFrom(...styles), (given, style) => {
      const text = wordsOfBytes(given).map(style).join('')
      assert.deepEqual(bytesOfWords(text, 32, 'words'), given)
    }),
  )
})

const SECRET = new Uint8Array(32).map((_, i) => i * 7)
const words = () => recoveryWords(SECRET)

test('a word that is not in the list is located, with what it may have been', () => {
  const typed = (word: string) => words().with(6, word).join(' ')
  const about = /word 7 is no word of the list: the sheet/
  assert.throws(() => parseRecoverySecret(typed('abanbon'), 'the sheet'), usage(about, /did you mean abandon\?/))
  assert.throws(() => parseRecoverySecret(typed('vioce'), 'the sheet'), usage(about, /did you mean voice\?/))
  assert.throws(() => parseRecoverySecret(typed('aba'), 'the sheet'), usage(about, /did you mean abandon\?/))
  assert.throws(() => parseRecoverySecret(typed('ab'), 'the sheet'), usage(about, /abandon or ability or able/))
  assert.throws(
    () => parseRecoverySecret(typed('xqzzzzw'), 'the sheet'),
    (error) => (error as BackupError).hint === undefined,
  )
  assert.throws(() => parseRecoverySecret(typed('größe'), 'the sheet'), usage(about))
})

test('words too few and too many are counted', () => {
  const typed = words()
  assert.throws(() => parseRecoverySecret('', 'x'), usage(/0 words were given, 24 are needed/))
  assert.throws(() => parseRecoverySecret(typed.slice(1).join(' '), 'x'), usage(/23 words were given, 24 are needed/))
  assert.throws(() => parseRecoverySecret([...typed, 'zoo'].join(' '), 'x'), usage(/25 words were given/))
  assert.throws(() => parseRecoverySecret('zoo '.repeat(100_000), 'x'), usage(/these are not 24 words/))
})

test('words of the list that were taken for others do not pass', () => {
  const typed = words()
  const swapped = typed.with(3, typed[4]!).with(4, typed[3]!)
  assert.throws(() => parseRecoverySecret(swapped.join(' '), 'x'), usage(/the checksum of the words is wrong/))
})

test('what a code reader gives, or a whole sheet, does as well as the words', () => {
  const file = formatKeyFile(SECRET)
  assert.deepEqual(parseRecoverySecret(file, 'x'), SECRET)
  assert.deepEqual(parseRecoverySecret(`A sheet\n 1 abandon\n${file} and more`, 'x'), SECRET)
})

test('a sheet that is cut off before its code is told as such', () => {
  for (const text of ['%PDF-1.4\nbytes', 'Holdfast recovery sheet\n====\n 1 abandon', 'Holdfast share 2 of 3\n===']) {
    const cutOff = {
      code: 'usage',
      message: /the code of a sheet is not in this file: x/,
      hint: /words that are printed/,
    }
    assert.throws(() => parseRecoverySecret(text, 'x'), cutOff)
    assert.throws(() => parseShares(text, 'x'), cutOff)
  }
})
