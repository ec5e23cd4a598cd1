// Lists the objects of a local repository in the order of their names, a page at a time.
import { statSync, type Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { systemClock, type Clock } from '../base/clock.ts'
import { BackupError, errnoOf } from '../base/errors.ts'
import type { FsRoot } from './fs-root.ts'
import { isObjectName, NAME_SEGMENTS_MAX, TEMPORARY_FOLDER } from './object-names.ts'
import { LIST_PAGE_MAX, type ListPage, type ObjectInfo } from './store.ts'

/** Told, once for each, about what is in the repository's folder and is not an object. */
export type OnSkipped = (name: string, why: string) => void

/** One entry; a folder's name ends with a slash, which puts it where its objects belong among the others. */
type Entry = string

interface Folder {
  readonly folder: string
  readonly entries: readonly Entry[]
}

/** Calls of stat at a time; more would keep the few threads behind them from everybody else. */
const STATS_AT_ONCE = 64
/**
 * What the system has in memory it answers in a few microseconds, a fraction of what it takes to pass the question to another
 * thread and back. An answer that takes longer than this, in milliseconds, comes from somewhere else, and so will those that
 * follow; unless the processor was somebody else's for a while, which happens once in hundreds of answers.
 */
const QUICK_MS = 0.1
const QUICK_FOR_EACH_SLOW = 50

export class FsLister {
  readonly #root: FsRoot
  readonly #onSkipped: OnSkipped
  readonly #clock: Clock
  /** Told already. */
  readonly #skipped = new Set<string>()
  /** Names of the folder in which the last page ended: reading 100,000 names again for each 1,000 is too slow. */
  #resume: (Folder & { readonly cursor: string }) | undefined

  constructor(root: FsRoot, onSkipped: OnSkipped, clock: Clock = systemClock) {
    this.#root = root
    this.#clock = clock
    this.#onSkipped = onSkipped
  }

  async list(prefix: string, cursor: string | undefined): Promise<ListPage> {
    const page: Page = { prefix, cursor, names: [], last: undefined }
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    await this.#walk(folder, page)
    // An unmounted disk leaves an empty folder behind.
    if (page.names.length === 0) await this.#root.checkAlive()
    const more = page.names.length > LIST_PAGE_MAX
    const names = more ? page.names.slice(0, LIST_PAGE_MAX) : page.names
    const next = more ? names.at(-1)! : undefined
    this.#resume = next === undefined || page.last === undefined ? undefined : { cursor: next, ...page.last }
    return { objects: await this.#stats(names), cursor: next }
  }

  /** Collects names below `folder` (which is empty or ends with a slash) until there is one more than a page holds. */
  async #walk(folder: string, page: Page): Promise<void> {
    const entries = await this.#entries(folder, page)
    page.last = { folder, entries }
    for (const entry of entries) {
      if (page.names.length > LIST_PAGE_MAX) return
      const name = folder + entry
      const before = page.cursor !== undefined && name <= page.cursor
      if (!entry.endsWith('/')) {
        if (!before && name.startsWith(page.prefix)) page.names.push(name)
        continue
      }
      if (before && !page.cursor.startsWith(name)) continue
      if (!name.startsWith(page.prefix) && !page.prefix.startsWith(name)) continue
      await this.#walk(name, page)
      if (page.names.length <= LIST_PAGE_MAX) page.last = { folder, entries }
    }
  }

  async #entries(folder: string, page: Page): Promise<readonly Entry[]> {
    const resume = this.#resume
    if (resume !== undefined && resume.cursor === page.cursor && resume.folder === folder) return resume.entries
    const entries: Entry[] = []
    for (const found of await this.#readFolder(folder)) {
      const name = folder + found.name
      if (name === TEMPORARY_FOLDER) continue
      const kind = found.isSymbolicLink() ? await this.#target(name) : found
      if (kind.isDirectory() && isObjectName(`${name}/x`) && name.split('/').length < NAME_SEGMENTS_MAX) {
        entries.push(`${found.name}/`)
      } else if (kind.isFile() && isObjectName(name)) {
        entries.push(found.name)
      } else {
        this.#skip(name)
      }
    }
    return entries.sort()
  }

  #skip(name: string): void {
    if (this.#skipped.has(name)) return
    this.#skipped.add(name)
    this.#onSkipped(name, 'not an object of a repository')
  }

  async #readFolder(folder: string) {
    const name = folder.slice(0, -1)
    try {
      return await readdir(this.#root.pathOf(name), { withFileTypes: true })
    } catch (cause) {
      if (errnoOf(cause) === 'ENOTDIR') await this.#refuseInTheWay(name, cause)
      if (await this.#root.saysAbsent(cause, name)) return []
      throw await this.#root.failure('listing', name, cause)
    }
  }

  /** Throws when what is in the place of a folder is no object either: nothing is known of what belongs there. */
  async #refuseInTheWay(name: string, cause: unknown): Promise<void> {
    const top = name.split('/', 1)[0]!
    if ((await this.#target(top)).isDirectory()) return
    throw new BackupError(
      'corrupt',
      'this is no folder, and the repository keeps objects in one',
      this.#root.pathOf(top),
      {
        cause,
        hint: 'see what it is, and bring the folder back from where it went or from another copy of the repository',
      },
    )
  }

  /** What a symbolic link leads to. */
  async #target(name: string): Promise<Stats> {
    try {
      return await stat(this.#root.pathOf(name))
    } catch (cause) {
      throw await this.#root.failure('listing', name, cause)
    }
  }

  async #stats(names: readonly string[]): Promise<ObjectInfo[]> {
    const objects: ObjectInfo[] = []
    for (let at = this.#quickStats(names, objects); at < names.length; at += STATS_AT_ONCE) {
      const some = await Promise.all(names.slice(at, at + STATS_AT_ONCE).map((name) => this.#stat(name)))
      for (const info of some) if (info !== null) objects.push(info)
    }
    return objects
  }

  /** Asks in this thread as long as answers are quick and good; how many there were. */
  #quickStats(names: readonly string[], objects: ObjectInfo[]): number {
    let asked = 0
    let slow = 0
    for (let before = this.#clock.monotonic(); asked < names.length; asked++) {
      const name = names[asked]!
      try {
        objects.push(objectInfo(name, statSync(this.#root.pathOf(name))))
      } catch {
        break // it is asked again, and what is wrong is told
      }
      const now = this.#clock.monotonic()
      if (now - before > QUICK_MS && ++slow * QUICK_FOR_EACH_SLOW > asked + QUICK_FOR_EACH_SLOW) return asked + 1
      before = now
    }
    return asked
  }

  /** Null when the object was deleted since its name was read. */
  async #stat(name: string): Promise<ObjectInfo | null> {
    try {
      const info = await stat(this.#root.pathOf(name))
      return objectInfo(name, info)
    } catch (cause) {
      if (await this.#root.saysAbsent(cause, name)) return null
      throw await this.#root.failure('listing', name, cause)
    }
  }
}

export function objectInfo(name: string, info: Stats): ObjectInfo {
  return { name, size: info.size, receivedMs: Math.floor(info.mtimeMs) }
}

interface Page {
  readonly prefix: string
  readonly cursor: string | undefined
  readonly names: string[]
  /** The folder that was read last. */
  last: Folder | undefined
}
