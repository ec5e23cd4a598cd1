// Shell-style patterns for finding things in snapshots, with the meaning that they have when files are backed up
// (source/glob.ts): `*` and `?` stay within a name, `**` spans folders, `[a-z]` is a set.
import { BackupError } from '../../base/errors.ts'
import { compileGlob, matchesGlob } from '../../source/glob.ts'
import { textOfBytes } from '../../source/path-text.ts'

/** Whether a name or a path, as bytes, matches. */
export type Matcher = (bytes: Uint8Array) => boolean

/** Matches whole names or whole paths. Throws `usage` for a pattern that can match nothing. */
export function globMatcher(pattern: string, ignoreCase = false): Matcher {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text)
  const glob = compileGlob(fold(pattern))
  if (glob === null) {
    throw new BackupError('usage', 'pattern that can match nothing', pattern, {
      hint: 'close the `[`, or write `\\[` when it stands for itself',
    })
  }
  return (bytes) => matchesGlob(glob, fold(textOfBytes(bytes)), 0)
}
