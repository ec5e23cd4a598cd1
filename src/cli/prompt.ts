// Asks the person at the terminal. Secrets are not shown; the terminal is used even when standard input is a pipe.
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ReadStream, WriteStream } from 'node:tty'
import { BackupError } from '../base/errors.ts'

export interface Terminal {
  /** Asks for a line without showing it; the text without its line end. Throws `interrupted`. */
  askHidden(question: string): Promise<string>
  /** The same for one line of several: those that come together, as when they are pasted, are the next answers. */
  askHiddenLine(question: string): Promise<string>
  /** Asks for a line that may be seen. Throws `interrupted`. */
  ask(question: string): Promise<string>
  /** Shows a line. */
  tell(line: string): void
  close(): void
}

/** The controlling terminal, or null when there is none (cron, a service, a pipeline started without one). */
export function openTerminal(): Terminal | null {
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return null
  }
  try {
    return new TtyTerminal(fd)
  } catch {
    closeSync(fd)
    return null
  }
}

class TtyTerminal implements Terminal {
  readonly #input: ReadStream
  readonly #output: WriteStream
  /** Lines that came together with the one that was asked for, as when several are pasted, and the beginning of the next. */
  #pasted: string[] = []

  constructor(fd: number) {
    this.#input = new ReadStream(fd)
    this.#output = new WriteStream(fd)
  }

  askHidden(question: string): Promise<string> {
    return this.#readHidden(question, 'passphrase', [])
  }

  async askHiddenLine(question: string): Promise<string> {
    if (this.#pasted.length < 2) return this.#readHidden(question, 'answer', this.#pasted)
    this.tell(question)
    return this.#pasted.shift()!
  }

  ask(question: string): Promise<string> {
    return this.#read(question, this.#output, 'answer', [])
  }

  #readHidden(question: string, what: string, pasted: string[]): Promise<string> {
    // readline edits the line as usual; only what it would echo goes nowhere.
    const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
    return this.#read(question, mute, what, pasted).finally(() => this.#output.write('\n'))
  }

  /** `pasted` holds what to begin with, and afterwards what came after the line. */
  #read(question: string, output: Writable, what: string, pasted: string[]): Promise<string> {
    // First this, which ends the echo, then the question: what is typed at once must not be seen.
    const lines = createInterface({ input: this.#input, output, terminal: true, historySize: 0 })
    this.#output.write(question)
    lines.write(pasted.shift() ?? '')
    return new Promise<string>((resolve, reject) => {
      const interrupted = () =>
        reject(new BackupError('interrupted', `no ${what} was given`, 'stopped at the question'))
      lines.once('SIGINT', interrupted)
      lines.once('close', interrupted)
      lines.once('line', (line) => {
        resolve(line)
        lines.on('line', (next) => pasted.push(next))
      })
    }).finally(() => {
      pasted.push(lines.line)
      lines.close()
    })
  }

  tell(line: string): void {
    this.#output.write(`${line}\n`)
  }

  close(): void {
    this.#input.destroy()
    this.#output.destroy()
  }
}
