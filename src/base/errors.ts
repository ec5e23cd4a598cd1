// Failures that the operator can act on. A bug in Holdfast throws from assert() instead and is never caught here.
import { inspect } from 'node:util'
import { correctedMessage, isUnnamed, systemErrorName } from './system-errors.ts'

/**
 * What kind of failure it is; the command line turns each into an exit code (docs/exit-codes.md).
 * `wrong-key`, `corrupt`, `not-found` and `refused` are kept apart on purpose: each asks for a different next step.
 */
export type ErrorCode =
  | 'usage' // the request makes no sense as given
  | 'io' // an operation of the system or the store failed
  | 'unreachable' // the store does not answer; nothing is known about what it holds
  | 'not-found' // the thing named is not there
  | 'exists' // the thing named is there already and must not be overwritten
  | 'corrupt' // bytes are not what they were when they were written
  | 'wrong-key' // the credential does not open this, or lacks the capability
  | 'refused' // permission denied, read-only
  | 'full' // no space or quota left at the destination
  | 'limit' // a size or a count is over a named limit
  | 'unsupported' // a newer format or a feature this version does not know
  | 'fenced' // a pruner declared this session dead while it ran
  | 'rolled-back' // the store shows less, or another history, than was seen in it before
  | 'interrupted' // the operator stopped it

export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly code: ErrorCode
  /** The path, URL or object name this is about. */
  readonly subject: string
  /** The next thing to try, one sentence. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, what: string, subject: string, opts: { cause?: unknown; hint?: string } = {}) {
    super(`${what}: ${subject}`, opts.cause === undefined ? undefined : { cause: opts.cause })
    this.code = code
    this.subject = subject
    this.hint = opts.hint
  }
}

/** Runs `step`; if it fails, the error says what was being done and to which object. */
export async function doing<T>(what: string, subject: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    throw wrap(what, subject, cause)
  }
}

/** `doing` for synchronous steps. */
export function doingSync<T>(what: string, subject: string, step: () => T): T {
  try {
    return step()
  } catch (cause) {
    throw wrap(what, subject, cause)
  }
}

/** Names the step that failed; keeps the code of a BackupError and classifies an errno. */
export function wrap(what: string, subject: string, cause: unknown): BackupError {
  const hint = cause instanceof BackupError ? cause.hint : undefined
  return new BackupError(codeOf(cause), what, subject, hint === undefined ? { cause } : { cause, hint })
}

/** What an error says with all its causes, in one line: the last one is where the trouble is. */
export function reasonsOf(error: unknown): string {
  const reasons: string[] = []
  for (
    let at = error;
    at !== undefined && reasons.length < REASONS_MAX;
    at = at instanceof Error ? at.cause : undefined
  ) {
    const reason = at instanceof Error ? messageOf(at) : inspect(at)
    if (reason !== reasons.at(-1)) reasons.push(reason)
  }
  return reasons.join(', because ')
}

/** What one error says, without its causes. */
export function messageOf(error: Error): string {
  const { errno } = error as { readonly errno?: unknown }
  return typeof errno === 'number' && errno < 0 ? correctedMessage(error.message, -errno) : error.message
}

/** Longer chains than this are cut; none of ours comes near. */
const REASONS_MAX = 12

/** The error code that fits a caught value; errno names are classified, everything else is `io`. */
export function codeOf(cause: unknown): ErrorCode {
  if (cause instanceof BackupError) return cause.code
  switch (errnoOf(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'not-found'
    case 'EEXIST':
      return 'exists'
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'full'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'refused'
    default:
      return 'io'
  }
}

/** The errno name (`ENOENT` …) of a system error, if it is one. */
export function errnoOf(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined
  const { code, errno } = cause as { readonly code?: unknown; readonly errno?: unknown }
  if (typeof code !== 'string') return undefined
  return isUnnamed(code) && typeof errno === 'number' ? systemErrorName(-errno) : code
}
