// The words of recovery sheets and shares, as people type them, as files have them, or from standard input. Files may be
// whole sheets, as text or PDF.
import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { BackupError, wrap } from '../base/errors.ts'
import type { KeyFile, Unlocker } from '../credentials/credential.ts'
import type { Share } from '../credentials/share.ts'
import { openTerminal, type Terminal } from './prompt.ts'
import { readSecretFile } from './secret-file.ts'

/** How often the words of one sheet may be typed wrong before the command gives up. */
const ATTEMPTS = 3
const STANDARD_INPUT = 'standard input'

/** What a recovery sheet opens; without a file its words are typed. */
export async function recoveryCredential(
  file: string | undefined,
): Promise<{ readonly credential: KeyFile; readonly description: string }> {
  const { parseRecoverySecret, RECOVERY_WORDS } = await import('../credentials/recovery-words.ts')
  const terminal = file === undefined ? terminalIfTyped() : null
  const credential = (secret: Uint8Array): KeyFile => ({ kind: 'key-file', secret })
  if (terminal === null) {
    const [text, source] = file === undefined ? [readInput(), STANDARD_INPUT] : [readSheet(file), file]
    return { credential: credential(parseRecoverySecret(text, source)), description: `the recovery words (${source})` }
  }
  try {
    const secret = await untilRight(terminal, async () =>
      parseRecoverySecret(await askWords(terminal, 'Recovery sheet', RECOVERY_WORDS), 'the words as typed'),
    )
    return { credential: credential(secret), description: 'the recovery words' }
  } finally {
    terminal.close()
  }
}

/** What the shares in these files open; `-` stands for what is typed, and so do those that are missing. */
export async function sharesCredential(
  files: readonly string[],
): Promise<{ readonly credential: Unlocker; readonly description: string }> {
  const [{ parseShare, parseShares, SHARE_WORDS }, { ShareCollection }, { initHashing }] = await Promise.all([
    import('../credentials/share.ts'),
    import('../credentials/shares.ts'),
    import('../crypto/hash.ts'),
  ])
  await initHashing()
  const collection = new ShareCollection()
  const add = (shares: readonly Share[], source: string) => {
    for (const share of shares) collection.add(share, source)
  }
  for (const file of files.filter((name) => name !== '-')) add(parseShares(readSheet(file), file), file)
  const terminal = collection.missing === 0 ? null : terminalIfTyped()
  if (terminal === null && files.includes('-')) add(parseShares(readInput(), STANDARD_INPUT), STANDARD_INPUT)
  if (terminal !== null) {
    try {
      while (collection.missing !== 0) {
        terminal.tell(whatIsMissing(collection.missing))
        await untilRight(terminal, async () =>
          collection.add(
            parseShare(await askWords(terminal, 'Share', SHARE_WORDS), 'the words as typed'),
            'this share',
          ),
        )
      }
    } finally {
      terminal.close()
    }
  }
  const credential = collection.unlocker()
  return { credential, description: credential.description }
}

function whatIsMissing(count: number | undefined): string {
  if (count === undefined) return 'Type the words of one share after the other.'
  return count === 1 ? 'One more share is needed.' : `${count} more shares are needed.`
}

/** Null when what is typed comes through a pipe or a file, or when there is nobody. */
function terminalIfTyped(): Terminal | null {
  return isatty(0) ? openTerminal() : null
}

function readInput(): string {
  try {
    return readFileSync(0, 'latin1')
  } catch (cause) {
    throw wrap('reading the words', STANDARD_INPUT, cause)
  }
}

/** A PDF has bytes that are no UTF-8; what is looked for is ASCII. */
function readSheet(file: string): string {
  return file === '-' ? readInput() : Buffer.from(readSecretFile('reading the sheet', file)).toString('latin1')
}

/** Tells what is wrong with what was typed, and asks again. */
async function untilRight<T>(terminal: Terminal, step: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof BackupError) || error.code !== 'usage' || attempt === ATTEMPTS) throw error
      terminal.tell(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
    }
  }
}

/**
 * Some words in each line, which are not shown: the next question says how many there are. A wrong one is told at once by
 * its place, and those before it are kept.
 */
async function askWords(terminal: Terminal, what: string, count: number): Promise<string> {
  const { checkWord, typedWords } = await import('../credentials/words.ts')
  terminal.tell('What is typed is not shown; some words at a time will do.')
  const words: string[] = []
  while (words.length < count) {
    const line = await terminal.askHiddenLine(`${what}, word ${words.length + 1} of ${count}: `)
    if (line.includes('holdfast-')) return line // what a code reader typed
    for (const word of typedWords(line)) {
      try {
        checkWord(word, words.length + 1, word)
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        terminal.tell(`word ${words.length + 1} is no word of the list: type it again, and what came after it`)
        break
      }
      words.push(word)
    }
  }
  return words.join(' ')
}
