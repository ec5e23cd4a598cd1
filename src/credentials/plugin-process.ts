// A running plugin of age: sends stanzas to it and receives stanzas from it.
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { BackupError, errnoOf, wrap } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { fromBase64, toBase64 } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'

/** Bytes of one command; those of hybrid recipients have 1.5 KiB. */
const COMMAND_MAX = 64 * 1024
/** Commands of one conversation: a plugin that never ends must not hold us for ever. */
const COMMANDS_MAX = 1000
/** What is kept of standard error for a message. */
const STDERR_MAX = 2000
const LINE_CHARS = 64

export class PluginProcess {
  readonly #program: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>
  #failure: unknown
  #stderr = ''
  #received = 0

  constructor(
    program: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
  ) {
    this.#program = program
    this.#child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.on('error', (cause) => (this.#failure ??= cause))
    this.#child.stdin.on('error', (cause) => (this.#failure ??= cause))
    this.#child.stderr.on('data', (bytes: Uint8Array) => {
      this.#stderr = (this.#stderr + displayText(bytes)).slice(-STDERR_MAX)
    })
    this.#lines = linesOf(this.#child.stdout, program)
  }

  send(args: readonly string[], body: Uint8Array = new Uint8Array()): void {
    const encoded = toBase64(body)
    const lines: string[] = []
    // A body ends with a line that is not full, which may be empty.
    for (let at = 0; at <= encoded.length; at += LINE_CHARS) lines.push(encoded.slice(at, at + LINE_CHARS))
    if (this.#child.stdin.writable) this.#child.stdin.write(`-> ${args.join(' ')}\n${lines.join('\n')}\n`)
  }

  /** Throws `not-found` when the program is not there, `io` when it ends early or says something else than a stanza. */
  async receive(): Promise<AgeStanza> {
    if (++this.#received > COMMANDS_MAX) throw this.#wrong('does not come to an end')
    const args = (await this.#line()).split(' ')
    if (args.shift() !== '->' || args.length === 0) throw this.#wrong('does not keep to the protocol')
    const parts: Uint8Array[] = []
    for (let size = 0; ;) {
      const line = await this.#line()
      const bytes = fromBase64(line)
      size += line.length
      if (bytes === null || line.length > LINE_CHARS || size > COMMAND_MAX)
        throw this.#wrong('does not keep to the protocol')
      parts.push(bytes)
      if (line.length < LINE_CHARS) return { args, body: new Uint8Array(Buffer.concat(parts)) }
    }
  }

  close(): void {
    this.#child.stdin.end()
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
    this.#child.kill('SIGINT')
    this.#child.unref()
  }

  async #line(): Promise<string> {
    let next: IteratorResult<string>
    try {
      next = await this.#lines.next()
    } catch (cause) {
      throw cause instanceof BackupError ? cause : wrap('reading from the plugin of age', this.#program, cause)
    }
    if (next.done !== true) return next.value
    // The error of a program that could not be started comes after the end of its output.
    if (this.#failure === undefined) await new Promise((resolve) => setImmediate(resolve))
    if (errnoOf(this.#failure) === 'ENOENT') {
      throw new BackupError('not-found', 'there is no such plugin of age', this.#program, {
        hint: 'install it, and see that it is on PATH',
      })
    }
    if (this.#failure !== undefined && errnoOf(this.#failure) !== 'EPIPE') {
      throw wrap('running the plugin of age', this.#program, this.#failure)
    }
    throw this.#wrong('ended early')
  }

  #wrong(how: string): BackupError {
    const said = this.#stderr.trim()
    return new BackupError('io', `the plugin of age ${how}${said === '' ? '' : ` (${said})`}`, this.#program)
  }
}

async function* linesOf(input: AsyncIterable<Uint8Array>, program: string): AsyncGenerator<string> {
  let rest = ''
  for await (const bytes of input) {
    const lines = (rest + displayText(bytes)).split('\n')
    rest = lines.pop()!
    if (rest.length > COMMAND_MAX) throw new BackupError('limit', 'the plugin of age sends an endless line', program)
    yield* lines
  }
}
