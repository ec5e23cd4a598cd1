// Walks through sources depth first, in byte order of names, without recursion and a step at a time.
//
// The caller asks for steps and does something else in between: a step takes a few milliseconds at most, so its thread
// stays responsive. Steps come in the order in which tree nodes are built:
//
//   enter D               D is open
//   entries D [a b c/]    what is in D, in byte order of names; a batch ends after a directory …
//   enter c               … which is walked next
//   …
//   leave c
//   entries D [d e]
//   leave D               `complete` is false when something of D is missing
//
// The outermost directory is the *top*: it is no directory of the file system, its entries are the sources, and their
// names are the sources' whole paths, as in a snapshot's root. After `leave` of the top there are no more steps.
// Directories that are recorded but not entered (mounted file systems, the repository itself, what cannot be opened) get
// `enter` and `leave` too, without entries.
//
// Nothing is thrown for what happens to a path: it is reported (problems.ts), and what can be walked is walked.
import { SourcesWalk } from './sources-walk.ts'
import type { DirectoryWalk, WalkedEntry, WalkOptions } from './walk-options.ts'
import { OPEN_MAX, type WalkedDirectory } from './walked-directory.ts'

export type WalkStep =
  | { readonly kind: 'enter'; readonly directory: WalkedDirectory }
  | { readonly kind: 'entries'; readonly directory: WalkedDirectory; readonly entries: readonly WalkedEntry[] }
  | { readonly kind: 'leave'; readonly directory: WalkedDirectory; readonly complete: boolean }
  /** Nothing yet: a very large directory is still being listed, or rules leave out very many names. */
  | { readonly kind: 'busy' }

export class TreeWalker {
  readonly #top: SourcesWalk
  /** From the top to where the walk stands. */
  readonly #stack: DirectoryWalk[] = []
  #started = false
  /** Index in the stack of the uppermost directory that is kept open, apart from the top. */
  #openFrom = 1

  constructor(options: WalkOptions) {
    this.#top = new SourcesWalk(options)
  }

  /** The next step, or null at the end. What earlier steps gave may be kept, except for file descriptors. */
  next(): WalkStep | null {
    if (!this.#started) {
      this.#started = true
      return this.#enter(this.#top)
    }
    const here = this.#stack.at(-1)
    if (here === undefined) return null
    const entered = here.takeEntered()
    if (entered !== undefined) return this.#enter(entered)
    const progress = here.advance()
    if (progress === 'busy') return BUSY
    if (progress === 'done') return this.#leave(here)
    return { kind: 'entries', directory: here.directory, entries: progress }
  }

  /** Closes what is open; for a walk that is given up before its end. */
  close(): void {
    for (const walk of this.#stack) {
      walk.takeEntered()?.directory.close()
      walk.directory.close()
    }
    this.#stack.length = 0
    this.#started = true
  }

  #enter(walk: DirectoryWalk): WalkStep {
    this.#stack.push(walk)
    if (this.#stack.length - this.#openFrom > OPEN_MAX) this.#stack[this.#openFrom++]!.directory.close()
    return { kind: 'enter', directory: walk.directory }
  }

  #leave(walk: DirectoryWalk): WalkStep {
    this.#stack.pop()
    const above = this.#stack.at(-1)
    if (above !== undefined && !above.directory.isOpen) {
      this.#openFrom = this.#stack.length - 1
      try {
        above.directory.reopenFrom(walk.directory)
      } catch (cause) {
        above.giveUp('directory was moved or closed to us while it was walked', cause)
      }
    }
    walk.directory.close()
    return { kind: 'leave', directory: walk.directory, complete: walk.complete }
  }
}

const BUSY: WalkStep = { kind: 'busy' }
