// Everything that is said while a command works: progress, problems, notices. On standard error as text, or with
// --json on standard output as lines.
import type { Clock } from '../base/clock.ts'
import type { EventSink, OperationEvent } from '../ops/events.ts'
import { escapeName, escapeText } from './escape.ts'
import type { GlobalOptions } from './global-flags.ts'
import { jsonName } from './json-lines.ts'
import type { Output, Sink } from './output.ts'
import { ProgressLine, RateMeter, remainingMs } from './progress.ts'
import { formatSize } from './units.ts'

/** A JSON progress line at most this often. */
const JSON_PROGRESS_MS = 500

export class Reporter {
  readonly #sink: Sink
  readonly #output: Output
  readonly #globals: GlobalOptions
  readonly #clock: Clock
  readonly #line: ProgressLine | undefined
  readonly #rate = new RateMeter()
  #jsonProgressAt = Number.NEGATIVE_INFINITY

  constructor(sink: Sink, output: Output, globals: GlobalOptions, clock: Clock, terminalType: string | undefined) {
    this.#sink = sink
    // Nobody reads what is said (`2>&1 | head`): that is no reason to stop a backup.
    sink.on('error', () => {})
    this.#output = output
    this.#globals = globals
    this.#clock = clock
    const wanted = !globals.json && !globals.quiet && !globals.noProgress
    if (wanted && sink.isTTY === true && terminalType !== 'dumb') this.#line = new ProgressLine(sink, clock)
  }

  /** Whether anybody sees how far the work is. */
  get showsProgress(): boolean {
    return this.#line !== undefined || (this.#globals.json && !this.#globals.quiet && !this.#globals.noProgress)
  }

  /** Hand this to an operation. Never throws: that nobody reads, or that a disk is full, is noticed when the result is written, not in the middle. */
  readonly onEvent: EventSink = (event) => {
    try {
      if (this.#output.json) this.#recordEvent(event)
      else this.#showEvent(event)
    } catch (error) {
      if (error !== this.#output.failure) throw error
    }
  }

  /** A line for the person who waits, unless quiet; never the result itself. */
  note(text: string): void {
    if (this.#globals.quiet || this.#globals.json) return
    this.#write(escapeText(text))
  }

  /** A problem that does not stop the command. */
  warn(message: string): void {
    this.onEvent({ type: 'warning', code: 'io', message })
  }

  /** Text for standard error in any mode, with its line feed and escaped already. */
  raw(text: string): void {
    this.#line?.clear()
    this.#sink.write(text)
  }

  /** Removes the progress line; call before the result is printed. */
  finish(): void {
    this.#line?.finish()
  }

  #showEvent(event: OperationEvent): void {
    switch (event.type) {
      case 'progress':
        this.#line?.update(event)
        return
      case 'warning':
      case 'error': {
        const path = event.path === undefined ? '' : `: ${escapeName(event.path)}`
        this.#write(`${event.type}: ${escapeText(event.message)}${path}`)
        return
      }
      case 'file':
        if (!this.#globals.verbose) return
        this.#write(`${event.action.padEnd(9)} ${sizeColumn(event.size)} ${escapeName(event.path)}`)
        return
      case 'notice':
        this.note(event.message)
    }
  }

  #recordEvent(event: OperationEvent): void {
    switch (event.type) {
      case 'progress': {
        const now = this.#clock.monotonic()
        this.#rate.add(now, event.bytesDone)
        if (this.#globals.quiet || this.#globals.noProgress || now - this.#jsonProgressAt < JSON_PROGRESS_MS) return
        this.#jsonProgressAt = now
        const rate = this.#rate.at(now)
        const remaining = remainingMs(event, rate)
        this.#output.record({
          type: 'progress',
          phase: event.phase,
          unit: event.unit ?? 'files',
          files_done: event.filesDone,
          files_total: event.filesTotal,
          bytes_done: event.bytesDone,
          bytes_total: event.bytesTotal,
          bytes_per_second: Math.round(rate.bytesPerSecond),
          remaining_seconds: remaining === undefined ? undefined : Math.round(remaining / 1000),
          ...(event.current === undefined ? {} : jsonName(event.current, 'current')),
        })
        this.#output.flush()
        return
      }
      case 'warning':
      case 'error':
        this.#output.record({
          type: event.type,
          code: event.code,
          message: event.message,
          ...(event.fact === undefined ? {} : { fact: event.fact }),
          ...(event.path === undefined ? {} : jsonName(event.path)),
        })
        return
      case 'file':
        this.#output.record({ type: 'file', action: event.action, ...jsonName(event.path), size: event.size })
        return
      case 'notice':
        this.#output.record({ type: 'notice', message: event.message })
    }
  }

  #write(text: string): void {
    this.#line?.clear()
    this.#sink.write(`${text}\n`)
  }
}

function sizeColumn(size: number | undefined): string {
  return (size === undefined ? '' : formatSize(size)).padStart(8)
}
