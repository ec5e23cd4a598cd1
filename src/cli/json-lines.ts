// The JSON that the command line prints: docs/json.md. One object a line; keys in snake_case; `v` is the version of
// the whole schema and grows only when a field changes its meaning or goes away, not when one is added.
import { isUtf8 } from 'node:buffer'
import { asBuffer, displayText } from '../base/bytes.ts'
import type { Timespec } from '../base/time.ts'
import { UNSAFE } from './escape.ts'
import { formatUtcTime } from './units.ts'

export const JSON_VERSION = 1

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }
export type JsonRecord = { readonly type: string } & { readonly [key: string]: JsonValue }

/**
 * A line of output with its line feed. Fields that are undefined are left out. What a terminal would obey is written as
 * JSON's own escapes: to whoever parses the line it is the same text.
 */
export function toJsonLine(record: JsonRecord): string {
  const json = JSON.stringify({ v: JSON_VERSION, ...record })
  return `${json.replace(UNSAFE, unicodeEscapes)}\n`
}

function unicodeEscapes(character: string): string {
  let escapes = ''
  for (let at = 0; at < character.length; at++) {
    escapes += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
  }
  return escapes
}

/**
 * A name without loss: `path` is its text; when the bytes are not UTF-8 the text has U+FFFD in their place and
 * `path_bytes` has all bytes in base64. `key` replaces `path` in both names.
 */
export function jsonName(bytes: Uint8Array, key = 'path'): Record<string, string> {
  if (isUtf8(bytes)) return { [key]: displayText(bytes) }
  return { [key]: displayText(bytes), [`${key}_bytes`]: asBuffer(bytes).toString('base64') }
}

/** RFC 3339 with nanoseconds. */
export function jsonTime(time: Timespec | undefined): string | undefined {
  return time === undefined ? undefined : formatUtcTime(time)
}
