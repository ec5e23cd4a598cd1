// What a credential asks for and tells, on the terminal. Questions may come from other programs, so they are escaped.
import type { Ask } from '../credentials/ask.ts'
import { escapeText } from './escape.ts'
import { openTerminal, type Terminal } from './prompt.ts'
import type { Reporter } from './reporter.ts'

/** Asks nobody where there is no terminal; what is told goes to standard error then. */
export function terminalAsk(reporter: Pick<Reporter, 'raw'>): Ask {
  return {
    secret: (question) => onTerminal((terminal) => terminal.askHidden(prompt(question))),
    text: (question) => onTerminal((terminal) => terminal.ask(prompt(question))),
    choose: (question, yes, no) => onTerminal((terminal) => choose(terminal, question, yes, no)),
    tell: (message) => {
      reporter.raw(`${escapeText(message)}\n`)
      return true
    },
  }
}

/**
 * `y` and `n` where the texts begin with these words, else 1 and 2. Asks again until it is one of them: a question that a
 * line break answers is answered without being read.
 */
export async function choose(
  terminal: Pick<Terminal, 'ask' | 'tell'>,
  question: string,
  yes: string,
  no: string | undefined,
): Promise<boolean> {
  const [first, second] = /^yes\b/i.test(yes) && /^no\b/i.test(no ?? 'no') ? ['y', 'n'] : ['1', '2']
  terminal.tell(escapeText(question))
  terminal.tell(`  ${first}  ${escapeText(yes)}`)
  if (no !== undefined) terminal.tell(`  ${second}  ${escapeText(no)}`)
  for (;;) {
    const answer = (await terminal.ask(no === undefined ? `${first}? ` : `${first} or ${second}? `))
      .trim()
      .toLowerCase()
    if (answer === first || (first === 'y' && answer === 'yes')) return true
    if (no !== undefined && (answer === second || (second === 'n' && answer === 'no'))) return false
  }
}

async function onTerminal<T>(ask: (terminal: Terminal) => Promise<T>): Promise<T | null> {
  const terminal = openTerminal()
  if (terminal === null) return null
  try {
    return await ask(terminal)
  } finally {
    terminal.close()
  }
}

function prompt(question: string): string {
  return `${escapeText(question.trimEnd()).replace(/:$/, '')}: `
}
