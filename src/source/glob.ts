// One pattern as in gitignore: `*` and `?` stay within a name, `**` as a whole name spans folders, `[a-z]`, `[!a-z]` and
// `[[:digit:]]` are sets, `\` takes the next character as it is. The meaning is git's (wildmatch.c with WM_PATHNAME),
// except that `?` and sets match a character where git matches a byte. Tests compare both.
//
// Matching needs no recursion: only the last `*` and the last `**` ever have to be tried again, because what stands before
// them has matched at the earliest place already. So it takes at most pattern times path squared steps.

/** A compiled pattern; `null` matches nothing, as git takes a set that is never closed. */
export type Glob = readonly Token[] | null

interface SetToken {
  readonly negated: boolean
  /** Pairs: from, to. */
  readonly ranges: readonly number[]
  readonly classes: readonly RegExp[]
}

/** A character code, one of the constants below, or a set. */
type Token = number | SetToken

const ANY = -1
const STAR = -2
/** `**` and the slash behind it: no folder or any number of them. */
const FOLDERS = -3
/** `**` at the end: everything that is left. */
const REST = -4
const SLASH = 0x2f

export function compileGlob(pattern: string): Glob {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at]!
    if (char === '*') at = compileStars(pattern, at, tokens)
    else if (char === '[') {
      const set = compileSet(pattern, at + 1)
      if (set === null) return null
      tokens.push(set.token)
      at = set.end
    } else if (char === '\\') {
      if (at + 1 === pattern.length) return null
      tokens.push(pattern.charCodeAt(at + 1))
      at += 2
    } else {
      tokens.push(char === '?' ? ANY : pattern.charCodeAt(at))
      at++
    }
  }
  return tokens
}

/** True if the pattern matches all of `text` from `start` on. */
export function matchesGlob(glob: Glob, text: string, start: number): boolean {
  if (glob === null) return false
  let p = 0
  let t = start
  let starToken = -1
  let starText = 0
  let foldersToken = -1
  let foldersText = 0
  for (;;) {
    const token = glob[p]
    if (token === undefined) {
      if (t === text.length) return true
    } else if (token === STAR) {
      starToken = ++p
      starText = t
      continue
    } else if (token === FOLDERS) {
      foldersToken = ++p
      foldersText = t
      starToken = -1
      continue
    } else if (token === REST) {
      return t < text.length
    } else if (t < text.length) {
      const step = matchOne(token, text, t)
      if (step > 0) {
        if (token === SLASH) starToken = -1
        p++
        t += step
        continue
      }
    }
    // What was tried does not match: let the last star take one more character, or the last `**` one more folder.
    if (starToken >= 0 && starText < text.length && text.charCodeAt(starText) !== SLASH) {
      starText += widthAt(text, starText)
      t = starText
      p = starToken
      continue
    }
    const slash = foldersToken < 0 ? -1 : text.indexOf('/', foldersText)
    if (slash < 0) return false
    foldersText = slash + 1
    t = foldersText
    p = foldersToken
    starToken = -1
  }
}

/** How many units of `text` the token matches at `t`; 0 for none. */
function matchOne(token: Token, text: string, t: number): number {
  if (typeof token === 'number' && token >= 0) return text.charCodeAt(t) === token ? 1 : 0
  if (text.charCodeAt(t) === SLASH) return 0
  const width = widthAt(text, t)
  if (typeof token === 'number') return width
  return inSet(token, text.codePointAt(t)!) === token.negated ? 0 : width
}

/** Characters beyond U+FFFF take two units of a text. */
function widthAt(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1
}

function inSet(set: SetToken, code: number): boolean {
  for (let i = 0; i < set.ranges.length; i += 2) {
    if (code >= set.ranges[i]! && code <= set.ranges[i + 1]!) return true
  }
  return code < 0x80 && set.classes.some((each) => each.test(String.fromCodePoint(code)))
}

/** Adds what a run of stars means and returns where it ends. */
function compileStars(pattern: string, start: number, tokens: Token[]): number {
  let end = start
  while (pattern[end] === '*') end++
  const begins = start === 0 || pattern[start - 1] === '/'
  if (end - start > 1 && begins) {
    if (end === pattern.length) {
      tokens.push(REST)
      return end
    }
    const slash = pattern[end] === '/' ? end : pattern.startsWith('\\/', end) ? end + 1 : -1
    if (slash >= 0) {
      tokens.push(FOLDERS)
      return slash + 1
    }
  }
  if (tokens.at(-1) !== STAR) tokens.push(STAR)
  return end
}

/** Reads a set whose `[` stands before `at`; null if it is never closed or names an unknown class. */
function compileSet(pattern: string, at: number): { token: SetToken; end: number } | null {
  const ranges: number[] = []
  const classes: RegExp[] = []
  const negated = pattern[at] === '!' || pattern[at] === '^'
  if (negated) at++
  /** The character that a `-` would begin a range from; 0 for none. */
  let previous = 0
  // A `]` right at the beginning is a member.
  for (let first = true; ; first = false) {
    const code = pattern.codePointAt(at)
    if (code === undefined) return null
    if (code === CLOSE && !first) return { token: { negated, ranges, classes }, end: at + 1 }
    const named = code === OPEN && pattern[at + 1] === ':' ? readClass(pattern, at) : undefined
    if (named === null) return null
    if (named !== undefined) {
      classes.push(named.class)
      previous = 0
      at = named.end
    } else if (code === DASH && previous > 0 && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      const last = readMember(pattern, at + 1)
      if (last === null) return null
      ranges.push(previous, last.code)
      previous = 0
      at = last.end
    } else {
      const member = readMember(pattern, at)
      if (member === null) return null
      ranges.push(member.code, member.code)
      previous = member.code
      at = member.end
    }
  }
}

/** One character of a set, which a backslash may stand before. */
function readMember(pattern: string, at: number): { code: number; end: number } | null {
  const start = pattern[at] === '\\' ? at + 1 : at
  const code = pattern.codePointAt(start)
  return code === undefined ? null : { code, end: start + (code > 0xffff ? 2 : 1) }
}

/** `[:digit:]` at `at`; undefined if it is none, so that its `[` is a member like any other; null for unknown names. */
function readClass(pattern: string, at: number): { class: RegExp; end: number } | null | undefined {
  const close = pattern.indexOf(']', at + 2)
  if (close < 0) return null
  if (close === at + 2 || pattern[close - 1] !== ':') return undefined
  const known = CLASSES[pattern.slice(at + 2, close - 1)]
  return known === undefined ? null : { class: known, end: close + 1 }
}

const OPEN = 0x5b
const CLOSE = 0x5d
const DASH = 0x2d
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}
