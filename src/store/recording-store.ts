// Writes down every request in the order of events, as its caller saw it: for the oracle that checks the rules on order
// (docs/format.md, section 10) and for `--verbose` traces.
import { Passing } from './passing-store.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

export interface Operation {
  /** Which client; several may share one log. */
  readonly actor: string
  /** `mark` is a note of the caller, see OperationLog.mark. */
  readonly kind: 'put' | 'get' | 'stat' | 'list' | 'delete' | 'keep' | 'replace' | 'mark'
  /** Object name; prefix of a list; text of a mark. */
  readonly name: string
  /** Number of the event in the log: an operation that ended before another began has the smaller number there. */
  readonly began: number
  /** Undefined while it runs; for ever when the process died in it. */
  ended: number | undefined
  outcome: 'running' | 'ok' | 'failed'
  /** put: an object was made. stat, keep: it is there. delete, replace: it was there. get: always. */
  found: boolean
  /** put, get: bytes. */
  bytes: number
  /** put: what the digest function made of the parts. */
  digest: string | undefined
  /** list: the page asked for and the next. */
  readonly cursor: string | undefined
  next: string | undefined
  /** list: names on the page. */
  names: readonly string[]
}

export class OperationLog {
  readonly operations: Operation[] = []
  #events = 0

  /** Notes something that the store does not see, such as `success` being reported. */
  mark(actor: string, text: string): void {
    this.end(this.begin(actor, 'mark', text), 'ok')
  }

  begin(actor: string, kind: Operation['kind'], name: string, cursor?: string): Operation {
    const began = this.#events++
    const operation: Operation = {
      actor,
      kind,
      name,
      began,
      ended: undefined,
      outcome: 'running',
      found: false,
      bytes: 0,
      digest: undefined,
      cursor,
      next: undefined,
      names: [],
    }
    this.operations.push(operation)
    return operation
  }

  end(operation: Operation, outcome: 'ok' | 'failed'): void {
    operation.ended = this.#events++
    operation.outcome = outcome
  }
}

export interface RecordingOptions {
  readonly log: OperationLog
  readonly actor: string
  /** Makes something comparable of an object's bytes; without it contents are not compared. */
  readonly digest?: (parts: readonly Uint8Array[]) => string
}

export class RecordingStore extends Passing {
  readonly #opts: RecordingOptions
  /** There where the other one can. */
  readonly replace?: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>

  constructor(inner: Store, opts: RecordingOptions) {
    super(inner)
    this.#opts = opts
    if (inner.replace === undefined) return
    this.replace = (name, parts) => {
      const operation = this.#begin('replace', name)
      return this.#recorded(operation, inner.replace!(name, parts), (was) => (operation.found = was))
    }
  }

  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const operation = this.#begin('put', name)
    for (const part of parts) operation.bytes += part.byteLength
    operation.digest = this.#opts.digest?.(parts)
    return this.#recorded(operation, this.inner.put(name, parts), (result) => (operation.found = result.created))
  }

  override get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const operation = this.#begin('get', name)
    return this.#recorded(operation, this.inner.get(name, range), (bytes) => {
      operation.found = true
      operation.bytes = bytes.byteLength
    })
  }

  override stat(name: string): Promise<ObjectInfo | null> {
    const operation = this.#begin('stat', name)
    return this.#recorded(operation, this.inner.stat(name), (info) => (operation.found = info !== null))
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    const operation = this.#begin('list', prefix, cursor)
    return this.#recorded(operation, this.inner.list(prefix, cursor), (page) => {
      operation.next = page.cursor
      operation.names = page.objects.map((object) => object.name)
    })
  }

  override delete(name: string): Promise<boolean> {
    const operation = this.#begin('delete', name)
    return this.#recorded(operation, this.inner.delete(name), (was) => (operation.found = was))
  }

  override keep(name: string): Promise<boolean> {
    const operation = this.#begin('keep', name)
    return this.#recorded(operation, this.inner.keep(name), (isThere) => (operation.found = isThere))
  }

  #begin(kind: Operation['kind'], name: string, cursor?: string): Operation {
    return this.#opts.log.begin(this.#opts.actor, kind, name, cursor)
  }

  async #recorded<T>(operation: Operation, request: Promise<T>, note: (result: T) => void): Promise<T> {
    try {
      const result = await request
      note(result)
      this.#opts.log.end(operation, 'ok')
      return result
    } catch (cause) {
      this.#opts.log.end(operation, 'failed')
      throw cause
    }
  }
}
