// Folders of a local repository: they exist before something is put in them, and their entries survive a power cut.
import { mkdir, readdir } from 'node:fs/promises'
import { errnoOf } from '../base/errors.ts'
import { FOLDER_MODE, syncFolder, type FsRoot } from './fs-root.ts'
import { folderOf } from './object-names.ts'

export class FsFolders {
  readonly #root: FsRoot
  /** Folders that are there for certain and stay there after a power cut. */
  readonly #known = new Set<string>()
  readonly #ensuring = new Map<string, Promise<void>>()
  readonly #adopting = new Map<string, Promise<void>>()
  readonly #syncing = new Map<string, Promise<void>>()
  readonly #queued = new Map<string, Promise<void>>()

  constructor(root: FsRoot) {
    this.#root = root
  }

  /** Resolves when the folder is there and would still be after a power cut. */
  async ensure(folder: string): Promise<void> {
    if (folder === '' || this.#known.has(folder)) return
    return once(this.#ensuring, folder, () => this.#make(folder))
  }

  /** To be called when a folder turns out to be gone, so that the next `ensure` makes it again. */
  forget(folder: string): void {
    for (let each = folder; each !== ''; each = folderOf(each)) this.#known.delete(each)
  }

  /** Makes every change in the folder from before this call durable. Calls at the same time share one fsync. */
  async sync(folder: string): Promise<void> {
    const running = this.#syncing.get(folder)
    if (running === undefined) return this.#startSync(folder)
    // The one that runs may have begun before the change of this caller: wait for the next.
    return once(this.#queued, folder, async () => {
      await running.catch(() => {})
      this.#queued.delete(folder)
      await this.#startSync(folder)
    })
  }

  async #startSync(folder: string): Promise<void> {
    const running = syncFolder(this.#root.pathOf(folder))
    this.#syncing.set(folder, running)
    try {
      await running
    } finally {
      if (this.#syncing.get(folder) === running) this.#syncing.delete(folder)
    }
  }

  async #make(folder: string): Promise<void> {
    const parent = folderOf(folder)
    await this.ensure(parent)
    await this.#adopt(parent)
    if (this.#known.has(folder)) return
    await this.#root.checkAlive() // not to fill an empty mount point
    try {
      await mkdir(this.#root.pathOf(folder), { mode: FOLDER_MODE })
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') throw cause
    }
    await this.sync(parent)
    this.#known.add(folder)
  }

  /** Folders found in `parent` may be from a process that died before its fsync: one fsync answers for all of them. */
  async #adopt(parent: string): Promise<void> {
    let adopting = this.#adopting.get(parent)
    if (adopting === undefined) {
      adopting = this.#adoptNow(parent)
      this.#adopting.set(parent, adopting)
      adopting.catch(() => this.#adopting.delete(parent))
    }
    return adopting
  }

  async #adoptNow(parent: string): Promise<void> {
    const entries = await readdir(this.#root.pathOf(parent), { withFileTypes: true })
    await this.sync(parent)
    for (const entry of entries) {
      if (entry.isDirectory()) this.#known.add(parent === '' ? entry.name : `${parent}/${entry.name}`)
    }
  }
}

/** Runs `step` unless one for this key runs already; both wait for the same. */
function once(running: Map<string, Promise<void>>, key: string, step: () => Promise<void>): Promise<void> {
  const there = running.get(key)
  if (there !== undefined) return there
  const started = step().finally(() => {
    if (running.get(key) === started) running.delete(key)
  })
  running.set(key, started)
  return started
}
