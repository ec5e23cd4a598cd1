// `--include` and `--exclude` of restore: which paths of a snapshot are wanted.
import { globMatcher, type Matcher } from '../ops/browse/glob.ts'
import type { PathFilter } from '../ops/restore/options.ts'

const SLASH = 0x2f

/** Undefined when there is nothing to choose. Whatever is excluded stays out, also below what is included. */
export function pathFilter(include: readonly string[], exclude: readonly string[]): PathFilter | undefined {
  if (include.length + exclude.length === 0) return undefined
  const [wanted, unwanted] = [include.map(pathMatcher), exclude.map(pathMatcher)]
  return (path, isDirectory) => {
    if (unwanted.some((matches) => matches(path))) return 'skip'
    if (wanted.length === 0 || selfOrAbove(path).some((at) => wanted.some((matches) => matches(at)))) return 'take'
    return isDirectory ? 'enter' : 'skip'
  }
}

/**
 * A pattern without `/` is compared with the last part of a path, one with `/` with the whole path; it may begin at any
 * folder unless it begins with `/`.
 */
export function pathMatcher(pattern: string): Matcher {
  const trimmed = pattern.length > 1 ? pattern.replace(/\/+$/, '') : pattern
  if (!trimmed.includes('/')) {
    const matches = globMatcher(trimmed)
    return (path) => matches(path.subarray(path.lastIndexOf(SLASH) + 1))
  }
  return globMatcher(/^(\/|\*\*)/.test(trimmed) ? trimmed : `**/${trimmed}`)
}

function selfOrAbove(path: Uint8Array): Uint8Array[] {
  const paths = [path]
  for (let slash = path.lastIndexOf(SLASH); slash > 0; slash = path.lastIndexOf(SLASH, slash - 1)) {
    paths.push(path.subarray(0, slash))
  }
  return paths
}
