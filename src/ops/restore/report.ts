// What a restore has done so far: counts, warnings, troubles, and the events that tell of them.
import { codeOf, reasonsOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { ignoreEvents } from '../events.ts'
import type { EventSink, FileAction } from '../events.ts'
import { TROUBLES_MAX } from './options.ts'
import type { RestoreCounts, RestoreResult, RestoreTrouble, WarningClass } from './options.ts'
import { Tally } from './tally.ts'

export class Report {
  readonly counts: RestoreCounts = {
    files: 0,
    directories: 0,
    symlinks: 0,
    specials: 0,
    hardLinks: 0,
    bytes: 0,
    unchanged: 0,
    attributes: 0,
    replaced: 0,
    deleted: 0,
    failed: 0,
  }
  readonly #warnings = new Tally<Uint8Array>()
  readonly #troubles: RestoreTrouble[] = []
  readonly #onEvent: EventSink
  readonly #fileEvents: boolean
  readonly #phase: string
  #troubleCount = 0
  #refused = 0
  #damaged = 0
  #itemsDone = 0
  #bytesDone = 0
  #itemsTotal = 0
  #bytesTotal = 0

  constructor(opts: { onEvent?: EventSink | undefined; fileEvents?: boolean | undefined; phase: string }) {
    this.#onEvent = opts.onEvent ?? ignoreEvents
    this.#fileEvents = opts.fileEvents ?? false
    this.#phase = opts.phase
  }

  /** What the snapshot says lies ahead. */
  expect(items: number, bytes: number): void {
    this.#itemsTotal += items
    this.#bytesTotal += bytes
  }

  /** An item is finished, whatever became of it; `skipped` items below it are too. */
  done(bytes = 0, below = 0): void {
    this.#itemsDone += 1 + below
    this.#bytesDone += bytes
  }

  progress(current?: Uint8Array): void {
    this.#onEvent({
      type: 'progress',
      phase: this.#phase,
      filesDone: this.#itemsDone,
      filesTotal: this.#itemsTotal,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
      current,
      unit: 'items',
    })
  }

  /** `path` is a thunk: most restores do not send file events, and paths cost more than the rest. */
  item(action: FileAction, path: () => Uint8Array, size?: number): void {
    if (this.#fileEvents) this.#onEvent({ type: 'file', action, path: path(), size })
  }

  /** A name is gone that the snapshot does not have, or had to make room. */
  readonly removed = (path: Uint8Array): void => {
    this.counts.deleted++
    this.item('removed', () => path)
  }

  warn(what: WarningClass, path: Uint8Array, cause: unknown, count = 1): void {
    this.#warnings.add(what, path, cause, count)
  }

  /** An item is not there as the snapshot has it. */
  trouble(path: Uint8Array, cause: unknown): void {
    this.troubleOf(path, codeOf(cause), reasonsOf(cause))
  }

  troubleOf(path: Uint8Array, code: ErrorCode, message: string): void {
    this.#troubleCount++
    this.counts.failed++
    if (code === 'refused') this.#refused++
    if (code === 'corrupt') this.#damaged++
    const trouble = { path: new Uint8Array(path), code, message }
    if (this.#troubles.length < TROUBLES_MAX) this.#troubles.push(trouble)
    this.#onEvent({ type: 'error', ...trouble })
  }

  /** Whether nothing at all was changed, something was refused and nothing is damaged, which would matter more. */
  get allRefused(): boolean {
    const { files, directories, symlinks, specials, hardLinks, attributes, deleted } = this.counts
    const changed = files + directories + symlinks + specials + hardLinks + attributes + deleted
    return changed === 0 && this.#refused > 0 && this.#damaged === 0
  }

  /** Sends the warnings, which are events only now because they are sums. */
  result(): RestoreResult {
    const warnings = this.#warnings.sums().map(({ class: what, count, first, reason }) => {
      return { class: what, count, path: first, reason }
    })
    for (const { class: what, count, path, reason } of warnings) {
      const message = `${what} could not be restored for ${count} ${count === 1 ? 'item' : 'items'}: ${reason}`
      this.#onEvent({ type: 'warning', path, code: 'unsupported', message })
    }
    return {
      counts: this.counts,
      warnings,
      troubles: this.#troubles,
      troubleCount: this.#troubleCount,
      partial: this.#troubleCount > 0,
    }
  }
}
