// The program on a terminal: `script` (util-linux) gives it one, the test types and reads.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'

const WAIT_MS = 60_000

export class TerminalSession {
  readonly #child: ChildProcessWithoutNullStreams
  /** Everything that appeared so far, with its escape sequences. */
  shown = ''
  #from = 0
  #wake = () => {}

  /** Runs a line of shell in a terminal of 80 columns. */
  constructor(line: string, cwd: string, env: Record<string, string>) {
    this.#child = spawn('script', ['-qec', `stty cols 80; ${line}`, '/dev/null'], {
      cwd,
      env: { ...env, SHELL: '/bin/sh', TERM: 'xterm' },
    })
    const add = (chunk: Buffer) => {
      this.shown += chunk.toString()
      this.#wake()
    }
    this.#child.stdout.on('data', add)
    this.#child.stderr.on('data', add)
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Waits until the pattern appears after what was waited for before. */
  async see(pattern: RegExp): Promise<void> {
    const until = Date.now() + WAIT_MS
    for (;;) {
      const match = pattern.exec(this.shown.slice(this.#from))
      if (match !== null) {
        this.#from += match.index + match[0].length
        return
      }
      if (Date.now() > until || this.#child.exitCode !== null)
        throw new Error(`${pattern} did not appear in:\n${JSON.stringify(this.shown)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }

  /** The exit code of the line. */
  async end(): Promise<number | null> {
    const closed = once(this.#child, 'close')
    this.#child.stdin.end()
    const [code] = (await closed) as [number | null]
    return code
  }
}
