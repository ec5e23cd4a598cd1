// Which paths of a source are backed up. There are several kinds of rules, and a path is left out as soon as one kind says
// so; within the regular expressions the first match decides, within the globs the last. What is left out is not looked
// at, and a folder that is left out is not entered.
//
//   filters        ordered regular expressions (path-filter.ts)
//   globs          gitignore-style patterns of options and files (glob-list.ts), relative to the source
//   ignore files   the same, in folders of the source, relative to that folder; the deepest file decides first
//   cache tags     contents of folders with a CACHEDIR.TAG
//   markers        contents of folders in which a given name exists
//   size           regular files above a limit
//   file system    what is mounted below the source
import { GlobList, GlobPattern, parseGlobFile } from './glob-list.ts'
import { decidingRule, type PathFilterRule } from './path-filter.ts'

export interface RuleOptions {
  readonly filters?: readonly PathFilterRule[]
  readonly globs?: readonly GlobPattern[]
  /** Names of files of patterns in the source itself, such as `.holdfastignore`; none by default. */
  readonly ignoreFiles?: readonly string[]
  readonly excludeCaches?: boolean
  /** Names that mark the folder they are in. */
  readonly markers?: readonly string[]
  /** Regular files of more bytes are left out. */
  readonly fileSizeMax?: number
  readonly oneFileSystem?: boolean
}

/** Rules as they pass between threads: classes do not survive the way. */
export type RuleMessage = Omit<RuleOptions, 'globs'> & {
  readonly globs: readonly { readonly source: string; readonly pattern: string; readonly negated: boolean }[]
}

export function rulesToMessage(options: RuleOptions): RuleMessage {
  const globs = (options.globs ?? []).map(({ source, pattern, negated }) => ({ source, pattern, negated }))
  return { ...options, globs }
}

export function rulesFromMessage(message: RuleMessage): RuleOptions {
  const globs = message.globs.map(({ source, pattern, negated }) => new GlobPattern(source, pattern, negated))
  return { ...message, globs }
}

/** Why something is left out, for `--verbose` and the count at the end. */
export type Exclusion = 'filter' | 'pattern' | 'ignore file' | 'cache' | 'marker' | 'size' | 'file system' | 'avoided'

/** Patterns of one ignore file. `base` is where paths below its folder begin in a path of the source. */
interface ScopedGlobs {
  readonly globs: GlobList
  readonly base: number
}

/** Ignore files that count in a folder, the deepest first. */
export interface IgnoreScope {
  readonly own: ScopedGlobs
  readonly outer: IgnoreScope | undefined
}

export class SourceRules {
  readonly excludeCaches: boolean
  readonly oneFileSystem: boolean
  readonly fileSizeMax: number
  readonly markers: readonly string[]
  readonly ignoreFiles: readonly string[]
  /** False when no rule looks at paths, so that nobody needs to make their texts. */
  readonly looksAtPaths: boolean
  readonly #filters: readonly PathFilterRule[]
  readonly #globs: GlobList

  constructor(options: RuleOptions = {}) {
    this.#filters = options.filters ?? []
    this.#globs = new GlobList(options.globs ?? [])
    this.ignoreFiles = options.ignoreFiles ?? []
    this.excludeCaches = options.excludeCaches ?? false
    this.markers = options.markers ?? []
    this.fileSizeMax = options.fileSizeMax ?? Infinity
    this.oneFileSystem = options.oneFileSystem ?? false
    this.looksAtPaths = this.#filters.length + this.#globs.patterns.length + this.ignoreFiles.length > 0
  }

  /**
   * Why the rules about paths leave out the entry `name` of `folder`, both as texts (path-text.ts); `folder` is '' for the
   * source itself and `/a/b` below it. Undefined if they do not.
   */
  exclusion(folder: string, name: string, isDirectory: boolean, scope?: IgnoreScope): Exclusion | undefined {
    const path = `${folder}/${name}`
    if (this.#filters.length > 0 && decidingRule(this.#filters, isDirectory ? `${path}/` : path)?.include === false) {
      return 'filter'
    }
    const nameStart = folder.length + 1
    if (this.#globs.deciding(path, 1, nameStart, isDirectory)?.negated === false) return 'pattern'
    for (let at = scope; at !== undefined; at = at.outer) {
      const pattern = at.own.globs.deciding(path, at.own.base, nameStart, isDirectory)
      if (pattern !== undefined) return pattern.negated ? undefined : 'ignore file'
    }
    return undefined
  }
}

/** The scope of a folder that has an ignore file with these bytes. */
export function innerScope(outer: IgnoreScope | undefined, folder: string, bytes: Uint8Array): IgnoreScope {
  return { own: { globs: new GlobList(parseGlobFile(bytes)), base: folder.length + 1 }, outer }
}
