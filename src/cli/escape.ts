// A name may hold anything but `/` and zero: line feeds, escape sequences that a terminal would obey, marks that turn
// the reading direction. Whatever comes from a file system, a repository or another program passes through here
// before it is shown.
import { textOfBytes } from './native-text.ts'

// Control characters (C0, DEL, C1), line and paragraph separators, marks and overrides of the reading direction,
// invisible characters that can make two names look the same, interlinear marks, tags, and lone surrogates (which
// stand for bytes that are no UTF-8). Joiners (U+200C, U+200D) stay: Persian words and emoji are written with them.
export const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

/** A name on one line, safe to show and unambiguous: a backslash that is part of the name is doubled. */
export function escapeName(name: Uint8Array | string): string {
  const text = typeof name === 'string' ? name : textOfBytes(name)
  return escapeText(text.includes('\\') ? text.replaceAll('\\', '\\\\') : text)
}

/** A message on one line, safe to show; backslashes stay as they are. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escapeCharacter)
}

/** A message that may have several lines (a stack trace). */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeText).join('\n')
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!
  switch (code) {
    case 0x09:
      return '\\t'
    case 0x0a:
      return '\\n'
    case 0x0d:
      return '\\r'
    case 0x1b:
      return '\\e'
  }
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}

/** Quotes a name so that it can be pasted into a POSIX shell; uses $'…' when it holds something unsafe to show. */
export function quoteForShell(name: Uint8Array | string): string {
  const text = typeof name === 'string' ? name : textOfBytes(name)
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  const escaped = escapeName(text)
  if (escaped === text.replaceAll('\\', '\\\\')) return `'${text.replaceAll("'", `'\\''`)}'`
  return `$'${escaped.replaceAll("'", "\\'")}'`
}

// Characters that take two columns of a terminal: East Asian wide and full width forms, emoji.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
const NO_WIDTH = /[\p{Mn}\p{Me}\u200c\u200d]/u

/** Columns that escaped text takes on a terminal; an estimate where terminals differ. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** Shortens to at most `width` columns; what is cut at the front is the less telling part of a path. */
export function shortenPath(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  if (width < 2) return ''
  const characters = [...text]
  let used = 1
  let from = characters.length
  while (from > 0 && used + characterWidth(characters[from - 1]!) <= width) used += characterWidth(characters[--from]!)
  return `…${characters.slice(from).join('')}`
}

function characterWidth(character: string): number {
  if (NO_WIDTH.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
