// The progress line on a terminal: what is being done, how far, how fast, how long still, and where. One line on
// standard error, redrawn at most ten times a second, cut to the terminal's width, gone when the work is done.
import type { Clock } from '../base/clock.ts'
import type { ProgressEvent } from '../ops/events.ts'
import { escapeName, shortenPath, textWidth } from './escape.ts'
import { formatCount, formatDuration, formatSize } from './units.ts'

/** What the line is drawn on. */
export interface ProgressTerminal {
  write(text: string): unknown
  readonly columns?: number | undefined
}

const REDRAW_MS = 100
/** Without events the line is redrawn this often, so that a stalled rate falls to zero before the eyes. */
const IDLE_REDRAW_MS = 1000
/** The rate is that of the last seconds; a longer window hides a stall, a shorter one flickers. */
const RATE_WINDOW_MS = 8000
/** Before this much time a remaining time would be a guess. */
const REMAINING_AFTER_MS = 3000
const COLUMNS_DEFAULT = 80

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_LINE = '\r\x1b[K'

export class ProgressLine {
  readonly #terminal: ProgressTerminal
  readonly #clock: Clock
  readonly #rate: RateMeter
  readonly #onExit = () => this.finish()
  #event: ProgressEvent | undefined
  #drawnAt = Number.NEGATIVE_INFINITY
  #visible = false
  #timer: NodeJS.Timeout | undefined

  constructor(terminal: ProgressTerminal, clock: Clock) {
    this.#terminal = terminal
    this.#clock = clock
    this.#rate = new RateMeter()
  }

  update(event: ProgressEvent): void {
    if (this.#event?.phase !== event.phase) this.#rate.reset()
    this.#event = event
    this.#rate.add(this.#clock.monotonic(), event.bytesDone)
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#draw(), IDLE_REDRAW_MS).unref()
      process.once('exit', this.#onExit)
    }
    if (this.#clock.monotonic() - this.#drawnAt >= REDRAW_MS) this.#draw()
  }

  /** Makes room for other output on the terminal; the next event draws the line again. */
  clear(): void {
    if (!this.#visible) return
    this.#terminal.write(CLEAR_LINE + SHOW_CURSOR)
    this.#visible = false
    this.#drawnAt = Number.NEGATIVE_INFINITY
  }

  /** Removes the line and gives the cursor back. Also runs when the process exits. */
  finish(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    process.removeListener('exit', this.#onExit)
    this.clear()
  }

  #draw(): void {
    if (this.#event === undefined) return
    const now = this.#clock.monotonic()
    const columns = this.#terminal.columns ?? COLUMNS_DEFAULT
    const text = progressText(this.#event, this.#rate.at(now), columns - 1)
    this.#terminal.write(`${this.#visible ? '' : HIDE_CURSOR}${CLEAR_LINE}${text}`)
    this.#visible = true
    this.#drawnAt = now
  }
}

/** Bytes per second over the last seconds, and for how long it has been measured. */
export interface Rate {
  readonly bytesPerSecond: number
  readonly measuredMs: number
}

/** The line for an event, at most `width` columns wide. Less important parts go first when there is no room. */
export function progressText(event: ProgressEvent, rate: Rate, width: number): string {
  const parts = [event.phase, filesText(event)]
  if (event.bytesDone > 0 || event.bytesTotal !== undefined) parts.push(bytesText(event))
  if (rate.bytesPerSecond > 0) parts.push(`${formatSize(rate.bytesPerSecond)}/s`)
  const remaining = remainingMs(event, rate)
  if (remaining !== undefined) parts.push(`${formatDuration(remaining)} left`)
  while (parts.length > 1 && textWidth(parts.join('  ')) > width) parts.pop()
  const text = shortenPath(parts.join('  '), width)
  const room = width - textWidth(text) - 2
  if (event.current === undefined || room < 8) return text
  return `${text}  ${shortenPath(escapeName(event.current), room)}`
}

/** Time until all bytes are done at this rate; undefined while that would be a guess. */
export function remainingMs(event: ProgressEvent, rate: Rate): number | undefined {
  if (event.bytesTotal === undefined || rate.measuredMs < REMAINING_AFTER_MS || rate.bytesPerSecond <= 0)
    return undefined
  return (Math.max(0, event.bytesTotal - event.bytesDone) / rate.bytesPerSecond) * 1000
}

function filesText(event: ProgressEvent): string {
  const total = event.filesTotal === undefined ? '' : `/${formatCount(event.filesTotal)}`
  return `${formatCount(event.filesDone)}${total} ${event.unit ?? 'files'}`
}

function bytesText(event: ProgressEvent): string {
  if (event.bytesTotal === undefined) return formatSize(event.bytesDone)
  const share = event.bytesTotal === 0 ? 1 : Math.min(1, event.bytesDone / event.bytesTotal)
  return `${formatSize(event.bytesDone)}/${formatSize(event.bytesTotal)}  ${Math.floor(share * 100)}%`
}

/** Keeps the last seconds of (time, bytes). */
export class RateMeter {
  #samples: { readonly at: number; readonly bytes: number }[] = []

  reset(): void {
    this.#samples = []
  }

  add(at: number, bytes: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && at - last.at < REDRAW_MS / 2) return
    this.#samples.push({ at, bytes })
    while (this.#samples.length > 2 && this.#samples[1]!.at <= at - RATE_WINDOW_MS) this.#samples.shift()
  }

  at(now: number): Rate {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || now <= first.at) return { bytesPerSecond: 0, measuredMs: 0 }
    const measuredMs = now - first.at
    return { bytesPerSecond: (Math.max(0, last.bytes - first.bytes) / measuredMs) * 1000, measuredMs }
  }
}
