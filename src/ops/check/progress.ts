// How far a check is, told as events.
import type { EventSink } from '../events.ts'

export class CheckProgress {
  readonly #onEvent: EventSink
  #objects = 0

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent
  }

  /** One more object was verified. */
  object(name: string): void {
    this.#onEvent({
      type: 'progress',
      phase: 'checking objects',
      filesDone: ++this.#objects,
      bytesDone: 0,
      current: Buffer.from(name),
      unit: 'objects',
    })
  }

  step(phase: string, done: number, total: number | undefined, unit: string, bytes = 0, bytesTotal?: number): void {
    this.#onEvent({ type: 'progress', phase, filesDone: done, filesTotal: total, bytesDone: bytes, bytesTotal, unit })
  }
}
