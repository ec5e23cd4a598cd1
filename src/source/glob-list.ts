// Lists of gitignore-style patterns: from options, from files of patterns, from ignore files in the folders themselves.
// The last pattern that matches decides; `!` takes a name in again, unless a folder above it is left out.
import { BackupError } from '../base/errors.ts'
import { compileGlob, type Glob, matchesGlob } from './glob.ts'
import { textOfBytes } from './path-text.ts'

export class GlobPattern {
  /** As it was written, for messages. */
  readonly source: string
  /** What is compiled: without `!`, trailing spaces and escapes. */
  readonly pattern: string
  readonly negated: boolean
  readonly #directoriesOnly: boolean
  readonly #anchored: boolean
  readonly #glob: Glob
  /** `pattern` without `!`, trailing spaces and escapes resolved by `parseLine`. */
  constructor(source: string, pattern: string, negated: boolean) {
    this.source = source
    this.pattern = pattern
    this.negated = negated
    this.#directoriesOnly = pattern.endsWith('/')
    const body = this.#directoriesOnly ? pattern.slice(0, -1) : pattern
    this.#anchored = body.includes('/')
    this.#glob = compileGlob(body.startsWith('/') ? body.slice(1) : body)
  }

  /** False for one that is malformed, as by a `[` that is never closed. */
  get canMatch(): boolean {
    return this.#glob !== null
  }

  /** `path` from `base` on is relative to the pattern's folder; its last name begins at `nameStart`. */
  matches(path: string, base: number, nameStart: number, isDirectory: boolean): boolean {
    if (this.#directoriesOnly && !isDirectory) return false
    return matchesGlob(this.#glob, path, this.#anchored ? base : nameStart)
  }
}

export class GlobList {
  readonly patterns: readonly GlobPattern[]

  constructor(patterns: readonly GlobPattern[]) {
    this.patterns = patterns
  }

  /** The pattern that decides about a path, if one matches. Arguments as in `GlobPattern.matches`. */
  deciding(path: string, base: number, nameStart: number, isDirectory: boolean): GlobPattern | undefined {
    for (let i = this.patterns.length - 1; i >= 0; i--) {
      const pattern = this.patterns[i]!
      if (pattern.matches(path, base, nameStart, isDirectory)) return pattern
    }
    return undefined
  }
}

/** A pattern given as an option, which knows no comments: `*.o`, `/build/`, `!keep.o`. Throws as `refuseMalformed`. */
export function excludeGlob(pattern: string): GlobPattern {
  const negated = pattern.startsWith('!')
  return refuseMalformed(new GlobPattern(pattern, negated ? pattern.slice(1) : pattern, negated))
}

/**
 * Throws `usage` for a pattern that can match nothing. Git passes over one in silence, and so are those in ignore files that
 * a walk finds; but who names a pattern means something by it.
 */
export function refuseMalformed(pattern: GlobPattern): GlobPattern {
  if (pattern.canMatch) return pattern
  throw new BackupError('usage', 'pattern that can match nothing', pattern.source, {
    hint: 'close the `[`, or write `\\[` when it stands for itself; a `\\` at the end stands for nothing',
  })
}

/** The pattern of an option that takes names in again. */
export function includeGlob(pattern: string): GlobPattern {
  return new GlobPattern(pattern, pattern, true)
}

/** The patterns of a gitignore-style file, in order: one a line, `#` begins a comment, `!` negates. */
export function parseGlobFile(bytes: Uint8Array): GlobPattern[] {
  const patterns: GlobPattern[] = []
  const text = textOfBytes(bytes)
  for (const line of (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n')) {
    const pattern = parseLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    if (pattern !== undefined) patterns.push(pattern)
  }
  return patterns
}

function parseLine(line: string): GlobPattern | undefined {
  if (line.startsWith('#')) return undefined
  const trimmed = withoutTrailingSpaces(line)
  const negated = trimmed.startsWith('!')
  const body = negated ? trimmed.slice(1) : trimmed
  return trimmed === '' ? undefined : new GlobPattern(line, body, negated)
}

/** Spaces at the end do not count unless a backslash stands before them. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ' && !isEscaped(line, end - 1)) end--
  return line.slice(0, end)
}

function isEscaped(line: string, at: number): boolean {
  let backslashes = 0
  while (line[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}
