// Failures of system calls, shaped like Node's own: {code: 'ENOENT', errno: -2, syscall, path}.
import { constants } from 'node:os'
import { displayText } from '../base/bytes.ts'
import { errnoOf } from '../base/errors.ts'
import { systemErrorName, systemErrorText } from '../base/system-errors.ts'
import { libc } from './libc.ts'

/** What every function of this folder throws; the same fields as Node's errors from node:fs. */
export interface SystemError extends Error {
  /** The name of the error, such as `ENOENT`. */
  readonly code: string
  /** Negative, as Node's. */
  readonly errno: number
  readonly syscall: string
  /** For display only: bytes that are not UTF-8 are replaced. For the *at functions it is the name they were given. */
  readonly path?: string
}

/** The error of the call that just returned -1. Nothing may be called in between. */
export function lastError(syscall: string, path?: Uint8Array | string): SystemError {
  return systemError(libc()?.errno() ?? constants.errno.ENOSYS, syscall, path)
}

/** An error for `errno` (positive). */
export function systemError(errno: number, syscall: string, path?: Uint8Array | string): SystemError {
  const code = systemErrorName(errno)
  const shown = path === undefined ? undefined : typeof path === 'string' ? path : displayText(path)
  const message = `${systemErrorText(errno)}, ${syscall}${shown === undefined ? '' : ` '${shown}'`}`
  const details = { code, errno: -errno, syscall }
  return Object.assign(new Error(message), shown === undefined ? details : { ...details, path: shown })
}

/** What functions throw that cannot work without the native library (ENOSYS). */
export function notSupported(syscall: string, path?: Uint8Array | string): SystemError {
  return systemError(constants.errno.ENOSYS, syscall, path)
}

/** The code (`ENOENT` …) of a caught system error, or undefined for anything else. */
export function codeOfError(cause: unknown): string | undefined {
  return errnoOf(cause)
}

export const ERRNO = constants.errno
