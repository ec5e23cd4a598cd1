// Shell-style patterns for finding things in snapshots: `*` and `?` do not match `/`, `**` does, `[a-z]` is a set.
import { BackupError } from '../../base/errors.ts'

/** A name's bytes, one character each, so that patterns work for names that are no UTF-8 as well. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export type Matcher = (bytes: Uint8Array) => boolean

/**
 * Matches whole names, or whole paths when the pattern holds a `/`. `ignoreCase` folds ASCII letters only. `?` and sets
 * match one character of UTF-8 or one byte that is none. Throws `usage` for a set that is never closed.
 */
export function globMatcher(pattern: Uint8Array, ignoreCase = false): Matcher {
  const regexp = new RegExp(`^${globSource(latin1(pattern))}$`, ignoreCase ? 'is' : 's')
  return (bytes) => regexp.test(latin1(bytes))
}

/** One UTF-8 character other than `/`, or a single byte. */
const ANY = '(?:[\\xc2-\\xdf][\\x80-\\xbf]|[\\xe0-\\xef][\\x80-\\xbf]{2}|[\\xf0-\\xf4][\\x80-\\xbf]{3}|[^/])'

function globSource(pattern: string): string {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === '*') {
      const deep = pattern[at + 1] === '*'
      if (deep) at++
      if (deep && pattern[at + 1] === '/') {
        at++
        source += '(?:.*/)?'
      } else source += deep ? '.*' : '[^/]*'
    } else if (character === '?') source += ANY
    else if (character === '[') {
      const end = pattern.indexOf(']', pattern[at + 1] === '!' || pattern[at + 1] === '^' ? at + 3 : at + 2)
      if (end === -1)
        throw new BackupError('usage', 'a [ in the pattern is never closed', Buffer.from(pattern, 'latin1').toString())
      source += setSource(pattern.slice(at + 1, end))
      at = end
    } else if (character === '\\' && at + 1 < pattern.length) source += quote(pattern[++at]!)
    else source += quote(character)
  }
  return source
}

function setSource(set: string): string {
  const negated = set.startsWith('!') || set.startsWith('^')
  const body = (negated ? set.slice(1) : set).replace(/[\\\]^[]/g, '\\$&')
  return `(?!/)[${negated ? '^' : ''}${body}]`
}

function quote(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
