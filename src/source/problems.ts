// What went wrong with a path of the source. Nothing of this ends a backup and nothing is thrown away: every problem is
// reported once; trouble makes the snapshot partial, a note does not.
import { TROUBLE } from '../format/entry-model.ts'
import { codeOfError } from '../posix/errors.ts'

export interface SourceProblem {
  /** Raw bytes, absolute if the source's path is. */
  readonly path: Uint8Array
  /** TROUBLE code of what is missing from the snapshot; 0 for a note: nothing is missing that is there. */
  readonly code: number
  /** `EACCES` and so on, where the system said so. */
  readonly errno: string | undefined
  /** What happened, without the path. */
  readonly text: string
}

export type ReportProblem = (problem: SourceProblem) => void

export function note(path: Uint8Array, text: string, cause?: unknown): SourceProblem {
  return { path, code: 0, errno: codeOfError(cause), text }
}

export function trouble(path: Uint8Array, code: number, text: string, cause?: unknown): SourceProblem {
  const reason = cause instanceof Error ? `${text}: ${reasonOf(cause)}` : text
  return { path, code, errno: codeOfError(cause), text: reason }
}

/** True for names that are no longer there: between listing a folder and looking at what is in it, time passes. */
export function isGone(cause: unknown): boolean {
  return codeOfError(cause) === 'ENOENT'
}

export { TROUBLE }

/** `EACCES: permission denied`, without the call and the path that Node appends. */
function reasonOf(cause: Error): string {
  return cause.message.split(', ')[0]!
}
