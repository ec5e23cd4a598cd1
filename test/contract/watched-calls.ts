// Watches, and makes fail, the system calls of the local store; and says what a power cut would leave.
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'
import fs from 'node:fs'
import fsp, { type FileHandle } from 'node:fs/promises'
import { mock, type TestContext } from 'node:test'
import { dirname, relative } from 'node:path'

export interface Call {
  readonly kind: 'open' | 'writev' | 'sync' | 'mkdir' | 'link' | 'rename' | 'unlink' | 'readdir' | 'stat' | 'lstat'
  /** Below the repository's parent folder. */
  readonly path: string
  /** link, rename: the new name. */
  readonly to?: string
  /** Calls that had succeeded when this one began: an fsync answers for these and for no later ones. */
  readonly after: number
}

export class WatchedCalls {
  /** Calls that succeeded, in the order in which they did. */
  readonly done: Call[] = []
  /** Calls begun. */
  begun = 0
  /** Decides by the call and its number whether it fails. */
  failure: (call: Call, number: number) => NodeJS.ErrnoException | undefined = () => undefined
  /** Bytes that one writev writes; a disk that is nearly full writes fewer than it is given. */
  writeAtMost = Infinity
  /** How long a sync lasts. */
  syncMs = 0
  readonly #base: string

  /** Watches calls on paths below `base` until the test ends. */
  constructor(t: TestContext, base: string) {
    this.#base = base
    for (const kind of ['link', 'rename'] as const) {
      this.#replace(t, kind, (real, from: string, to: string) =>
        this.#run(this.#call(kind, from, to), () => real(from, to)),
      )
    }
    for (const kind of ['mkdir', 'unlink', 'readdir', 'stat', 'lstat'] as const) {
      this.#replace(t, kind, (real, path: string, ...rest: unknown[]) =>
        this.#run(this.#call(kind, path), () => real(path, ...rest)),
      )
    }
    this.#failOpenSync(t)
    this.#replace(t, 'open', async (real, path: string, ...rest: unknown[]) => {
      const handle = (await this.#run(this.#call('open', path), () => real(path, ...rest))) as FileHandle
      const writev = handle.writev.bind(handle)
      Object.assign(handle, {
        writev: (parts: Uint8Array[]) => this.#run(this.#call('writev', path), () => writev(this.#shorten(parts))),
        // Written down and not carried out: no test can cut the power. It can last, so that others come while it runs.
        sync: () => this.#run(this.#call('sync', path), () => wait(this.syncMs)),
      })
      return handle
    })
  }

  /**
   * Whether an object would be there, whole, after a power cut now: its bytes were synced before it got its name, and
   * the entry of each folder on the way was synced after it was made.
   */
  survivesPowerCut(root: string, name: string): boolean {
    const path = this.#short(`${root}/${name}`)
    const named = this.done.findIndex((call) => (call.kind === 'link' || call.kind === 'rename') && call.to === path)
    if (named < 0) return false
    const temporary = this.done[named]!.path
    const written = this.done.findLastIndex((call) => call.kind === 'writev' && call.path === temporary)
    const synced = this.done.findIndex((call) => call.kind === 'sync' && call.path === temporary)
    return synced >= 0 && synced < named && written < synced && this.#entryIsDurable(path, named)
  }

  #entryIsDurable(path: string, made: number): boolean {
    const folder = dirname(path)
    if (!this.done.some((call) => call.kind === 'sync' && call.path === folder && call.after > made)) return false
    const folderMade = this.done.findIndex((call) => call.kind === 'mkdir' && call.path === folder)
    return folder === '.' || folderMade < 0 || this.#entryIsDurable(folder, folderMade)
  }

  async #run<T>(call: Call, step: () => Promise<T>): Promise<T> {
    const failure = this.failure(call, this.begun++)
    if (failure !== undefined) throw failure
    const result = await step()
    this.done.push(call)
    return result
  }

  #call(kind: Call['kind'], path: string, to?: string): Call {
    return {
      kind,
      path: this.#short(path),
      after: this.done.length,
      ...(to === undefined ? {} : { to: this.#short(to) }),
    }
  }

  #shorten(parts: readonly Uint8Array[]): Uint8Array[] {
    let left = this.writeAtMost
    return parts.flatMap((part) => {
      const some = part.subarray(0, left)
      left -= some.byteLength
      return some.byteLength > 0 ? [some] : []
    })
  }

  #short(path: string): string {
    return relative(this.#base, path) || '.'
  }

  /** One that fails in the thread that asks is asked for again in another one, so it fails too and does not count. */
  #failOpenSync(t: TestContext): void {
    const real = fs.openSync
    mock.method(fs, 'openSync', (...args: Parameters<typeof real>) => {
      const failure = this.failure(this.#call('open', String(args[0])), this.begun)
      if (failure !== undefined) throw failure
      return real(...args)
    })
    syncBuiltinESMExports()
    t.after(() => {
      Object.assign(fs, { openSync: real })
      syncBuiltinESMExports()
    })
  }

  #replace(t: TestContext, name: keyof typeof fsp, replacement: (real: AnyCall, ...args: never[]) => unknown): void {
    const real = fsp[name] as unknown as AnyCall
    mock.method(fsp, name as 'open', ((...args: never[]) => replacement(real, ...args)) as never)
    syncBuiltinESMExports()
    t.after(() => {
      Object.assign(fsp, { [name]: real })
      syncBuiltinESMExports()
    })
  }
}

type AnyCall = (...args: unknown[]) => Promise<unknown>

export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated`), { code, errno: -1, syscall: 'test' })
}
