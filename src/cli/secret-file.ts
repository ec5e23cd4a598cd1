// Reads small files that hold secrets or keys.
import { readFileSync, statSync } from 'node:fs'
import { BackupError, wrap } from '../base/errors.ts'
import type { Reporter } from './reporter.ts'

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

const READ_BY_ALL = 0o004

/** Says of a file with a secret that every user of the machine can read it; a group may be meant to. */
export function warnOfReaders(reporter: Pick<Reporter, 'warn'>, what: string, file: string): void {
  if (process.platform === 'win32') return // its modes say nothing
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || (stat.mode & READ_BY_ALL) === 0) return
  reporter.warn(`every user of this machine can read the ${what} ${file}: chmod 600 takes that away`)
}

/** Undefined when it is not there, cannot be read, or is something else. */
export function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readSecretFile('reading', file)
  } catch {
    return undefined
  }
}
