// Standard output: results as text lines, as JSON lines, or as raw bytes. What could not be written is never forgotten:
// a listing that ends in a full disk must not look like a short listing.
import { BackupError, wrap } from '../base/errors.ts'
import { toJsonLine, type JsonRecord } from './json-lines.ts'

/** What this file asks of a stream; `process.stdout` and test doubles have it. */
export interface Sink {
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Thrown when whoever read our output went away; ends the program quietly. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** Text gathers up to this size so that a listing of a million files is not a million system calls. */
const BUFFER_SIZE = 32 * 1024

export class Output {
  readonly isTerminal: boolean
  readonly #sink: Sink
  #json: boolean
  #pending = ''
  #failure: OutputClosed | BackupError | undefined
  /** Writes that the system has not answered yet. */
  #writing = 0
  #wake = () => {}

  constructor(sink: Sink, json: boolean) {
    this.#sink = sink
    this.#json = json
    this.isTerminal = sink.isTTY === true
    sink.on('error', (error) => this.#fail(error))
  }

  /** Why nothing more can be written, once that is known; the same object that every method throws. */
  get failure(): OutputClosed | BackupError | undefined {
    return this.#failure
  }

  /** Of the terminal; as many as on an old one where there is none. */
  get columns(): number {
    return this.#sink.columns ?? 80
  }

  /** Whether results and problems are JSON lines. */
  get json(): boolean {
    return this.#json
  }

  /** For a command whose result is content: problems go to standard error, also when JSON is asked for. */
  contentOnly(): void {
    this.#json = false
  }

  /** A line of text; nothing in JSON mode. The caller escapes names. */
  line(text = ''): void {
    if (!this.json) this.#add(`${text}\n`)
  }

  /** One JSON object on a line; nothing outside of JSON mode. */
  record(record: JsonRecord): void {
    if (this.json) this.#add(toJsonLine(record))
  }

  /** Text in any mode: generated scripts, manual pages. */
  text(text: string): void {
    this.#add(text)
  }

  /** Raw bytes; resolves when the reader took them, so a slow reader slows the writer. */
  async bytes(chunk: Uint8Array): Promise<void> {
    this.flush()
    this.#write(chunk)
    await this.drained()
  }

  /** Resolves when everything was written. Throws what `flush` throws. */
  async drained(): Promise<void> {
    this.flush()
    while (this.#writing > 0) await new Promise<void>((resolve) => (this.#wake = resolve))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Hands everything gathered to the system. Throws OutputClosed, or with the code that fits why nothing can be written. */
  flush(): void {
    if (this.#failure !== undefined) {
      this.#pending = ''
      throw this.#failure
    }
    if (this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    this.#write(text)
  }

  #write(chunk: string | Uint8Array): void {
    this.#writing++
    this.#sink.write(chunk, (error) => {
      this.#writing--
      if (error) this.#fail(error)
      this.#wake()
    })
  }

  /** The first reason counts: what follows is only that the stream is destroyed. */
  #fail(error: NodeJS.ErrnoException): void {
    this.#failure ??= error.code === 'EPIPE' ? new OutputClosed() : wrap('writing', 'standard output', error)
  }

  #add(text: string): void {
    this.#pending += text
    if (this.isTerminal || this.#pending.length >= BUFFER_SIZE) this.flush()
  }
}
