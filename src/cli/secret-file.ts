// Reads small files that hold secrets or keys.
import { readFileSync, statSync } from 'node:fs'
import { BackupError, wrap } from '../base/errors.ts'

/** A passphrase or key longer than this is a mistake in the file's name. */
const SECRET_SIZE_MAX = 64 * 1024

export function readSecretFile(what: string, file: string): Uint8Array {
  try {
    const { size } = statSync(file)
    if (size > SECRET_SIZE_MAX)
      throw new BackupError('limit', `it has ${size} bytes, more than ${SECRET_SIZE_MAX}`, file)
    return readFileSync(file)
  } catch (cause) {
    throw wrap(what, file, cause)
  }
}

/** Undefined when it is not there, cannot be read, or is something else. */
export function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readSecretFile('reading', file)
  } catch {
    return undefined
  }
}
