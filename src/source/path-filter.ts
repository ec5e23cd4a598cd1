// Ordered regular expressions: each begins with `+` (back up) or `-` (leave out), the first that is found in a path decides,
// and a path that none is found in is backed up. A path is relative to its source and begins with `/`; folders end
// with `/`. A folder that is left out is not looked into.
//
//   +/\.git/config$          back up the configuration of git repositories
//   -/\.git/                 but nothing else of them
//   -/(?i)\.?svn(/|ignore)$  case does not matter
//   -^/tmp/                  the folder /tmp of the source, not /sub/tmp
import { BackupError } from '../base/errors.ts'

export interface PathFilterRule {
  /** As it was written, for messages. */
  readonly source: string
  readonly include: boolean
  readonly pattern: RegExp
}

/**
 * One rule. The expressions are JavaScript's, in Unicode mode; `(?i)`, `(?m)` and `(?s)` may stand anywhere and count for the
 * whole expression, as people know it from other languages. Throws `usage` naming the rule.
 */
export function parseFilterRule(source: string): PathFilterRule {
  const sign = source[0]
  if (sign !== '+' && sign !== '-') {
    throw new BackupError('usage', 'filter rule begins neither with + nor with -', source, {
      hint: 'write +EXPRESSION to back up what matches, -EXPRESSION to leave it out',
    })
  }
  const { expression, flags } = takeFlags(source.slice(1))
  try {
    return { source, include: sign === '+', pattern: new RegExp(expression, `u${flags}`) }
  } catch (cause) {
    throw new BackupError('usage', 'filter rule is not a regular expression', source, {
      cause,
      hint: 'put a backslash only before characters that mean something: . * + ? ( ) [ ] { } | ^ $ / \\',
    })
  }
}

/** The rules of a file: one a line, empty lines and lines that begin with `#` do not count. */
export function parseFilterFile(text: string): PathFilterRule[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map(parseFilterRule)
}

/** The rule that decides about `path`, if one matches. */
export function decidingRule(rules: readonly PathFilterRule[], path: string): PathFilterRule | undefined {
  return rules.find((rule) => rule.pattern.test(path))
}

/** Takes `(?i)` and its like out of an expression, where they stand outside of sets and are not escaped. */
function takeFlags(source: string): { expression: string; flags: string } {
  const flags = new Set<string>()
  const expression = source.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]|\(\?([ims]+)\)/gsu, (match, letters?: string) => {
    if (letters === undefined) return match
    for (const letter of letters) flags.add(letter)
    return ''
  })
  return { expression, flags: [...flags].join('') }
}
