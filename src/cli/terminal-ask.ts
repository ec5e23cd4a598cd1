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

async function choose(terminal: Terminal, question: string, yes: string, no: string | undefined): Promise<boolean> {
  terminal.tell(escapeText(question))
  terminal.tell(`  1  ${escapeText(yes)}`)
  if (no !== undefined) terminal.tell(`  2  ${escapeText(no)}`)
  for (;;) {
    const answer = (await terminal.ask(no === undefined ? '1? ' : '1 or 2? ')).trim()
    if (answer === '1') return true
    if (answer === '2' && no !== undefined) return false
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
