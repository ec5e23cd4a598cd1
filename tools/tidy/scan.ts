// Tells code, comments and literal text of a TypeScript file apart, well enough for the rules of tidy. The three results
// are as long as the source and have the same lines: what belongs to another one is blanked.

export interface Scan {
  /** Code with the quotes of literals but without what is in them; `${…}` in templates is code. */
  code: string
  comments: string
  /** The contents of strings, templates and regular expressions. */
  literals: string
}

type Part = keyof Scan

// After one of these a slash begins a regular expression; after a name, a number or a closing bracket it divides.
const REGEX_MAY_FOLLOW =
  /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|await|yield))\s*$/
const OPERATOR_LOOKBACK = 32 // enough for the longest of the words above and the space after it

export function scan(source: string): Scan {
  const marks = Array.from<Part>({ length: source.length }).fill('code')
  const mark = (from: number, to: number, part: Part): number => {
    marks.fill(part, from, to)
    return to
  }
  // Depth of braces in each open `${`; a closing brace at depth 0 goes back to the template's text.
  const templates: number[] = []
  let at = 0
  while (at < source.length) {
    const c = source[at]
    const two = source.slice(at, at + 2)
    if (two === '//') at = mark(at, endOr(source, source.indexOf('\n', at)), 'comments')
    else if (two === '/*') at = mark(at, endOr(source, source.indexOf('*/', at + 2), 2), 'comments')
    else if (c === "'" || c === '"') at = mark(at + 1, endOfString(source, at + 1, c), 'literals') + 1
    else if (c === '`') at = template(at + 1)
    else if (c === '}' && templates.at(-1) === 0) {
      templates.pop()
      at = template(at + 1)
    } else if (c === '/' && REGEX_MAY_FOLLOW.test(codeBefore(at))) {
      at = mark(at + 1, endOfRegex(source, at + 1), 'literals') + 1
    } else {
      if (templates.length > 0 && c === '{') templates[templates.length - 1]! += 1
      if (templates.length > 0 && c === '}') templates[templates.length - 1]! -= 1
      at++
    }
  }
  return { code: only('code'), comments: only('comments'), literals: only('literals') }

  /** Marks a template's text up to its end or the next `${`. */
  function template(from: number): number {
    let to = from
    while (to < source.length && source[to] !== '`' && source.slice(to, to + 2) !== '${')
      to += source[to] === '\\' ? 2 : 1
    mark(from, Math.min(to, source.length), 'literals')
    if (source[to] === '`') return to + 1
    templates.push(0)
    return to + 2
  }

  function codeBefore(end: number): string {
    let text = ''
    for (let i = end - 1; i >= 0 && text.length < OPERATOR_LOOKBACK; i--)
      if (marks[i] === 'code') text = source[i]! + text
    return text
  }

  function only(part: Part): string {
    let text = ''
    for (let i = 0; i < source.length; i++) text += marks[i] === part || source[i] === '\n' ? source[i] : ' '
    return text
  }
}

/** Line number, from 1, of a position. */
export function lineOf(text: string, at: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < at; i = text.indexOf('\n', i + 1)) line++
  return line
}

function endOr(source: string, found: number, length = 0): number {
  return found === -1 ? source.length : found + length
}

function endOfString(source: string, from: number, quote: string): number {
  let at = from
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1
  return at
}

function endOfRegex(source: string, from: number): number {
  let at = from
  let inClass = false
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '[') inClass = true
    if (source[at] === ']') inClass = false
    at += source[at] === '\\' ? 2 : 1
  }
  return at
}
