// The kinds of flags our commands have, in the words of stricli.
import { BackupError } from '../base/errors.ts'
import type { Context } from './context.ts'
import { bytesOfText } from './native-text.ts'

/** Given or not. */
export const yes = (brief: string) => ({ kind: 'boolean', brief, optional: true, withNegated: false }) as const

export const text = (placeholder: string, brief: string) =>
  ({ kind: 'parsed', parse: String, optional: true, placeholder, brief }) as const

/** May be repeated. */
export const texts = (placeholder: string, brief: string) =>
  ({ kind: 'parsed', parse: String, optional: true, variadic: true, placeholder, brief }) as const

/** `parse` throws what the error message says after the flag's name. */
export const parsed = <T>(placeholder: string, brief: string, parse: (this: Context, text: string) => T) =>
  ({ kind: 'parsed', parse, optional: true, placeholder, brief }) as const

export const oneOf = <T extends string>(values: readonly T[], brief: string) =>
  ({ kind: 'enum', values, optional: true, brief }) as const

/**
 * What a positional argument names, as it is. An empty one is refused: a script whose variable is not set would get
 * something else than it asked for.
 */
export function named(argument: string): string {
  if (argument === '') throw new Error('an empty argument names nothing')
  return argument
}

/** `SNAPSHOT[:PATH]` as it is typed. */
export interface SnapshotPath {
  /** `latest`, an id or the beginning of one. */
  readonly snapshot: string
  /** As the file system gave it; empty for the whole snapshot. */
  readonly path: Uint8Array
}

export function parseSnapshotPath(text: string): SnapshotPath {
  const colon = named(text).indexOf(':')
  const snapshot = colon === -1 ? text : text.slice(0, colon)
  if (!/^(latest|[0-9a-f]+)$/.test(snapshot)) {
    throw new BackupError('usage', 'neither `latest` nor the beginning of an id', text)
  }
  return { snapshot, path: colon === -1 ? new Uint8Array() : bytesOfText(text.slice(colon + 1)) }
}
