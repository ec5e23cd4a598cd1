// The top of a walk: its entries are the sources.
import { AssertionFailed } from '../base/assert.ts'
import { AT_FDCWD } from '../posix/constants.ts'
import { keyOfBytes } from '../posix/directory.ts'
import { statAt } from '../posix/stat.ts'
import { compareBytes, equalBytes } from '../base/bytes.ts'
import { FolderWalk } from './folder-walk.ts'
import { note, TROUBLE, trouble } from './problems.ts'
import { SourceRules } from './rules.ts'
import type { DirectoryWalk, WalkedEntry, WalkOptions, WalkSource } from './walk-options.ts'
import { WalkedDirectory } from './walked-directory.ts'

export class SourcesWalk implements DirectoryWalk {
  readonly directory = WalkedDirectory.top()
  complete = true
  readonly #options: WalkOptions
  readonly #sources: readonly WalkSource[]
  #next = 0
  #entered: FolderWalk | undefined

  constructor(options: WalkOptions) {
    this.#options = options
    const sorted = options.sources.toSorted((a, b) => compareBytes(a.path, b.path))
    this.#sources = sorted.filter(({ path }, i) => i === 0 || !equalBytes(sorted[i - 1]!.path, path))
  }

  advance(): readonly WalkedEntry[] | 'busy' | 'done' {
    while (this.#next < this.#sources.length) {
      const entry = this.#look(this.#sources[this.#next++]!)
      if (entry !== undefined) return [entry]
    }
    return 'done'
  }

  takeEntered(): FolderWalk | undefined {
    const entered = this.#entered
    this.#entered = undefined
    return entered
  }

  giveUp(what: string): void {
    throw new AssertionFailed(`the list of sources is never closed, and so never reopened: ${what}`)
  }

  /** A source that is not there is trouble: somebody asked for it by name. */
  #look({ path, rules = new SourceRules() }: WalkSource): WalkedEntry | undefined {
    const key = keyOfBytes(path)
    try {
      const stat = statAt(AT_FDCWD, path)
      if (stat.kind !== 'directory') return { name: path, key, stat, directory: undefined }
      const isAvoided = this.#options.avoid?.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino)
      const directory =
        isAvoided === true
          ? WalkedDirectory.closed(this.directory, path, key, stat)
          : WalkedDirectory.open(this.directory, path, key, stat)
      if (isAvoided === true) this.#options.report(note(path, 'the repository itself was not entered'))
      this.#entered = new FolderWalk(directory, { options: this.#options, rules, home: directory.stat })
      return { name: path, key, stat: directory.stat!, directory }
    } catch (cause) {
      this.complete = false
      this.#options.report(trouble(path, TROUBLE.listing, 'source cannot be opened', cause))
      return undefined
    }
  }
}
