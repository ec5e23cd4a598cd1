// Turns the flags of `find` into one question about an entry.
import { timespecToMs } from '../base/time.ts'
import type { Matcher } from '../ops/browse/glob.ts'
import type { Entry, EntryKind } from '../format/entry-model.ts'

export interface EntryFilter {
  readonly ignoreCase?: boolean
  readonly type?: EntryKind
  /** Bytes. */
  readonly larger?: number
  readonly smaller?: number
  /** Milliseconds since 1970. */
  readonly newer?: number
  readonly older?: number
}

/** A pattern without `/` is compared with names, one with `/` with whole paths. */
export function entryMatcher(
  patterns: readonly string[],
  filter: EntryFilter,
  globMatcher: (pattern: string, ignoreCase: boolean) => Matcher,
): (path: Uint8Array, entry: Entry) => boolean {
  const matcher = (pattern: string) => globMatcher(pattern, filter.ignoreCase === true)
  const names = patterns.filter((pattern) => !pattern.includes('/')).map(matcher)
  const paths = patterns
    .filter((pattern) => pattern.includes('/'))
    .map((pattern) => matcher(pattern.startsWith('/') || pattern.startsWith('**') ? pattern : `**/${pattern}`))
  return (path, entry) => {
    if (!passes(entry, filter)) return false
    // The name of a root entry is a whole path: its last part is what a pattern for names is about.
    const name = path.subarray(path.lastIndexOf(0x2f) + 1)
    return names.some((match) => match(name)) || paths.some((match) => match(path))
  }
}

function passes(entry: Entry, { type, larger, smaller, newer, older }: EntryFilter): boolean {
  if (type !== undefined && entry.kind !== type) return false
  if (larger !== undefined || smaller !== undefined) {
    if (entry.kind !== 'file' || entry.size === undefined) return false
    if (entry.size < (larger ?? 0) || entry.size > (smaller ?? Number.POSITIVE_INFINITY)) return false
  }
  const modified = timespecToMs(entry.mtime)
  return modified >= (newer ?? Number.NEGATIVE_INFINITY) && modified < (older ?? Number.POSITIVE_INFINITY)
}
