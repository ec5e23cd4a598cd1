// Errors that say something of one object, so that others can be looked at all the same; what a store says of itself is not one.
import { BackupError } from '../../base/errors.ts'

const OF_ONE_OBJECT: ReadonlySet<BackupError['code']> = new Set([
  'corrupt',
  'unsupported',
  'limit',
  'wrong-key',
  'not-found',
])

export function isOfOneObject(error: unknown): error is BackupError {
  return error instanceof BackupError && OF_ONE_OBJECT.has(error.code)
}

/** What is the matter with one object; what says nothing about it is thrown. */
export function problemOf(error: unknown): BackupError {
  if (isOfOneObject(error)) return error
  throw error
}
