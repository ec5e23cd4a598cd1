// Files in a folder that say something about the folder: a cache tag, a marker, an ignore file. Where a tag or a marker
// says that the contents are not worth a backup, the folder itself and the mark are kept, so that a restored cache is one.
import { equalBytes, utf8 } from '../base/bytes.ts'
import { keyOfBytes } from '../posix/directory.ts'
import { isGone, note, type ReportProblem } from './problems.ts'
import { type Exclusion, type IgnoreScope, innerScope, type SourceRules } from './rules.ts'
import { readSmallFile } from './small-file.ts'
import type { SortedNames } from './sorted-names.ts'
import type { WalkedDirectory } from './walked-directory.ts'

/** https://bford.info/cachedir/: a regular file of this name that begins with this signature. */
export const CACHE_TAG_NAME = 'CACHEDIR.TAG'
const CACHE_TAG_SIGNATURE = utf8('Signature: 8a477f597d28d172789f06886806bc55')
/** Bytes of an ignore file; a larger one is refused. 16,000 patterns make every name slow already. */
export const IGNORE_FILE_MAX = 1024 * 1024

export class FolderMarks {
  readonly #folder: WalkedDirectory
  readonly #rules: SourceRules
  readonly #report: ReportProblem
  #only: { readonly keys: readonly string[]; readonly why: Exclusion } | undefined

  constructor(folder: WalkedDirectory, rules: SourceRules, report: ReportProblem) {
    this.#folder = folder
    this.#rules = rules
    this.#report = report
  }

  /** Looks for marks among the names of the folder; returns the ignore files that count in it. */
  read(names: SortedNames, outer: IgnoreScope | undefined): IgnoreScope | undefined {
    const present = (name: string) => names.has(keyOfBytes(utf8(name)))
    const markers = this.#rules.markers.filter(present)
    if (markers.length > 0) this.#keepOnly(markers, 'marker')
    else if (this.#rules.excludeCaches && present(CACHE_TAG_NAME) && this.#isCache()) {
      this.#keepOnly([CACHE_TAG_NAME], 'cache')
    }
    let scope = outer
    for (const name of this.#rules.ignoreFiles.filter(present)) {
      const bytes = this.#tryRead(name, IGNORE_FILE_MAX + 1)
      if (bytes === null) continue
      if (bytes.length > IGNORE_FILE_MAX)
        this.#complain(name, `has more than ${IGNORE_FILE_MAX} bytes and was not used`)
      else scope = innerScope(scope, this.#folder.rulePath, bytes)
    }
    return scope
  }

  /** Why a mark leaves out the name. */
  exclusion(key: string): Exclusion | undefined {
    return this.#only === undefined || this.#only.keys.includes(key) ? undefined : this.#only.why
  }

  #keepOnly(names: readonly string[], why: Exclusion): void {
    this.#only = { keys: names.map((name) => keyOfBytes(utf8(name))), why }
  }

  #isCache(): boolean {
    const start = this.#tryRead(CACHE_TAG_NAME, CACHE_TAG_SIGNATURE.length)
    return start !== null && equalBytes(start, CACHE_TAG_SIGNATURE)
  }

  /** Null if the mark is no regular file or cannot be read, which leaves out less than it should, never more. */
  #tryRead(name: string, limit: number): Uint8Array | null {
    try {
      return readSmallFile(this.#folder.fd, name, limit)
    } catch (cause) {
      if (!isGone(cause)) this.#complain(name, 'cannot be read and was not used', cause)
      return null
    }
  }

  #complain(name: string, what: string, cause?: unknown): void {
    this.#report(note(this.#folder.path(utf8(name)), what, cause))
  }
}
