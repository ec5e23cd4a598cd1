// The walk through one directory: listing it, applying rules to each name, looking at what they keep, opening directories.
import { DT_DIR, DT_UNKNOWN } from '../posix/constants.ts'
import { bytesOfKey, DirectoryReader } from '../posix/directory.ts'
import { codeOfError } from '../posix/errors.ts'
import { type FileStat, statAt } from '../posix/stat.ts'
import { FolderMarks } from './folder-marks.ts'
import { textOfKey } from './path-text.ts'
import { isGone, note, TROUBLE, trouble } from './problems.ts'
import { type Exclusion, type IgnoreScope, SourceRules } from './rules.ts'
import { SortedNames } from './sorted-names.ts'
import type { DirectoryWalk, WalkedEntry, WalkOptions } from './walk-options.ts'
import { WalkedDirectory } from './walked-directory.ts'

const BATCH_SIZE = 256
/** Names looked at in one step when rules leave most of them out. */
const LOOKS_PER_STEP = 1024
/** Parts of a listing read in one step, each about a thousand names and 0.4 ms. */
const LISTING_PARTS_PER_STEP = 8
/** How often a name may turn from a directory into something else and back before it is given up. */
const KIND_CHANGES_MAX = 3
/**
 * Bytes of a directory's path: with a name behind it, it has to fit into a trouble of the snapshot (65,535). Directories that
 * are nested deeper are reported and not entered.
 */
export const DIRECTORY_PATH_MAX = 64_000

/** What all directories of one source have in common. */
export interface SourceContext {
  readonly options: WalkOptions
  readonly rules: SourceRules
  /** The source itself, whose file system `oneFileSystem` stays on. */
  readonly home: FileStat | undefined
}

export class FolderWalk implements DirectoryWalk {
  readonly directory: WalkedDirectory
  complete = true
  readonly #source: SourceContext
  #scope: IgnoreScope | undefined
  readonly #names = new SortedNames()
  readonly #reader: DirectoryReader
  readonly #marks: FolderMarks
  #state: 'listing' | 'entries' | 'done'
  #entered: FolderWalk | undefined

  /** An open directory; one that is not open has no entries. `scope` holds the ignore files of the directories above. */
  constructor(directory: WalkedDirectory, source: SourceContext, scope?: IgnoreScope) {
    this.directory = directory
    this.#source = source
    this.#scope = scope
    this.#reader = new DirectoryReader(directory.fd)
    this.#marks = new FolderMarks(directory, source.rules, source.options.report)
    this.#state = directory.isOpen ? 'listing' : 'done'
  }

  advance(): readonly WalkedEntry[] | 'busy' | 'done' {
    if (this.#state === 'listing' && !this.#list()) return 'busy'
    const batch: WalkedEntry[] = []
    const size = this.#source.options.batchSize ?? BATCH_SIZE
    for (let looks = 0; looks < LOOKS_PER_STEP && batch.length < size && this.#entered === undefined; looks++) {
      const key = this.#state === 'done' ? undefined : this.#names.next()
      if (key === undefined) {
        this.#state = 'done'
        break
      }
      const entry = this.#look(key, this.#names.type)
      if (entry !== undefined) batch.push(entry)
    }
    return batch.length > 0 ? batch : this.#state === 'done' ? 'done' : 'busy'
  }

  takeEntered(): FolderWalk | undefined {
    const entered = this.#entered
    this.#entered = undefined
    return entered
  }

  giveUp(what: string, cause: unknown): void {
    this.#state = 'done'
    this.#miss(this.directory.path(), what, cause)
  }

  /** Reads some of the listing; true when all of it is there. What was listed before an error is walked. */
  #list(): boolean {
    const keys: string[] = []
    const types: number[] = []
    let more = true
    try {
      for (let part = 0; more && part < LISTING_PARTS_PER_STEP; part++) more = this.#reader.next(keys, types)
    } catch (cause) {
      more = false
      this.#cannotList(cause)
    }
    this.#names.add(keys, types)
    if (more) return false
    this.#scope = this.#marks.read(this.#names, this.#scope)
    this.#state = 'entries'
    return true
  }

  #cannotList(cause: unknown): void {
    const path = this.directory.path()
    // An open directory that was removed: there is nothing in it any more.
    if (isGone(cause)) this.#source.options.report(note(path, 'vanished before it was listed', cause))
    else this.#miss(path, 'directory cannot be listed', cause)
  }

  /** What is to be known of one name; undefined if it is left out or no longer there. */
  #look(key: string, type: number, kindChanges = 0): WalkedEntry | undefined {
    const name = bytesOfKey(key)
    const marked = this.#marks.exclusion(key)
    if (marked !== undefined) return this.#leaveOut(name, marked)
    let ruled: Exclusion | undefined
    if (type !== DT_UNKNOWN) ruled = this.#exclusion(key, type === DT_DIR)
    if (ruled !== undefined) return this.#leaveOut(name, ruled)
    let stat: FileStat
    try {
      stat = statAt(this.directory.fd, name)
    } catch (cause) {
      return this.#cannotLook(name, cause)
    }
    const isDirectory = stat.kind === 'directory'
    if (type === DT_UNKNOWN || isDirectory !== (type === DT_DIR)) ruled = this.#exclusion(key, isDirectory)
    if (!isDirectory) ruled ??= this.#exclusionByStat(stat)
    if (ruled !== undefined) return this.#leaveOut(name, ruled)
    return isDirectory ? this.#open(name, key, stat, kindChanges) : { name, key, stat, directory: undefined }
  }

  #exclusion(key: string, isDirectory: boolean): Exclusion | undefined {
    const { rules } = this.#source
    if (!rules.looksAtPaths) return undefined
    return rules.exclusion(this.directory.rulePath, textOfKey(key), isDirectory, this.#scope)
  }

  #exclusionByStat(stat: FileStat): Exclusion | undefined {
    if (stat.kind === 'file' && stat.size > this.#source.rules.fileSizeMax) return 'size'
    // Files of an overlay have other device numbers than its directories; only another mount makes another file system.
    return this.#isElsewhere(stat) && stat.mountId !== this.#source.home!.mountId ? 'file system' : undefined
  }

  #isElsewhere(stat: FileStat): boolean {
    const { home, rules } = this.#source
    return rules.oneFileSystem && home !== undefined && stat.dev !== home.dev
  }

  #leaveOut(name: Uint8Array, why: Exclusion): undefined {
    this.#source.options.excluded?.(this.directory, name, why)
  }

  #cannotLook(name: Uint8Array, cause: unknown): undefined {
    const path = this.directory.path(name)
    if (isGone(cause)) this.#source.options.report(note(path, 'vanished before it was looked at', cause))
    else this.#miss(path, 'cannot be looked at', cause)
  }

  #open(name: Uint8Array, key: string, seen: FileStat, kindChanges: number): WalkedEntry | undefined {
    if (!this.#mayEnter(name, seen)) return this.#enter(WalkedDirectory.closed(this.directory, name, key, seen), key)
    let opened: WalkedDirectory
    try {
      opened = WalkedDirectory.open(this.directory, name, key, seen)
    } catch (cause) {
      const code = codeOfError(cause)
      if (code === 'ENOENT') return this.#cannotLook(name, cause)
      if ((code === 'ENOTDIR' || code === 'ELOOP') && kindChanges < KIND_CHANGES_MAX) {
        return this.#look(key, DT_UNKNOWN, kindChanges + 1)
      }
      const entry = this.#enter(WalkedDirectory.closed(this.directory, name, key, seen), key)
      this.#entered!.giveUp('directory cannot be opened', cause)
      return entry
    }
    // What was opened need not be what was seen: something may have been mounted on it.
    const same = opened.stat!.dev === seen.dev && opened.stat!.ino === seen.ino
    if (!same && !this.#mayEnter(name, opened.stat!)) opened.close()
    return this.#enter(opened, key)
  }

  #enter(directory: WalkedDirectory, key: string): WalkedEntry {
    this.#entered = new FolderWalk(directory, this.#source, this.#scope)
    if (directory.pathLength > DIRECTORY_PATH_MAX) {
      directory.close()
      this.#entered.giveUp(
        `directory is nested too deeply: its path has more than ${DIRECTORY_PATH_MAX} bytes`,
        undefined,
      )
    }
    return { name: directory.name, key, stat: directory.stat!, directory }
  }

  /** False for directories that are recorded without what is in them. */
  #mayEnter(name: Uint8Array, stat: FileStat): boolean {
    if (this.#isElsewhere(stat)) {
      this.#source.options.excluded?.(this.directory, name, 'file system')
      return false
    }
    const avoided = this.#source.options.avoid?.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino)
    if (avoided !== true) return true
    this.#source.options.report(note(this.directory.path(name), 'the repository itself was not entered'))
    this.#source.options.excluded?.(this.directory, name, 'avoided')
    return false
  }

  #miss(path: Uint8Array, what: string, cause: unknown): void {
    this.complete = false
    this.#source.options.report(trouble(path, TROUBLE.listing, what, cause))
  }
}
