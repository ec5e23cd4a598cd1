// Shows a failure: one line per link of its chain, from what was tried to what the system said, then what to do next.
import { arch, platform } from 'node:os'
import { BackupError, codeOf, errnoOf, messageOf, type ErrorCode } from '../base/errors.ts'
import { escapeLines, escapeText } from './escape.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'

/** Longer chains than this are cut; none of ours comes near. */
const LINKS_MAX = 12

export interface Failure {
  /** `bug` is no ErrorCode: a bug never reaches an operation's result. */
  readonly code: ErrorCode | 'bug'
  readonly exitCode: ExitCode
  /** What was tried first, the reason last; not escaped. */
  readonly links: readonly string[]
  readonly hint: string | undefined
  readonly stack: string | undefined
}

/** Takes a caught value apart; never throws. */
export function describeFailure(error: unknown): Failure {
  const chain = causes(error)
  const isOurs = isClassified(chain)
  const links = chain
    .map((link) => linkText(link, isOurs))
    .filter((message, at, all) => at === 0 || message !== all[at - 1])
  const last = chain.at(-1)
  if (!isOurs && isBug(last)) {
    const stack = last instanceof Error ? last.stack : undefined
    return { code: 'bug', exitCode: EXIT.bug, links, hint: undefined, stack: stack ?? String(last) }
  }
  const code = isAbort(last) ? 'interrupted' : codeOf(chain.find((link) => link instanceof BackupError) ?? last)
  const hint = chain.find((link) => link instanceof BackupError && link.hint !== undefined) as BackupError | undefined
  return { code, exitCode: exitCodeOf(code), links, hint: hint?.hint, stack: undefined }
}

/** Text for standard error, ending in a line feed. `version` is Holdfast's. */
export function renderFailure(failure: Failure, version: string): string {
  const lines = failure.links.map((link, at) => (at === 0 ? `holdfast: ${link}` : `  because ${link}`)).map(escapeText)
  if (failure.hint !== undefined) lines.push(escapeText(`  hint: ${failure.hint}`))
  if (failure.code === 'bug') {
    lines.push('  This is a bug in Holdfast. Please report it with these lines and with what you did:')
    lines.push(`    holdfast ${version}, Node ${process.version}, ${platform()} ${arch()}`)
    for (const line of escapeLines(failure.stack ?? '').split('\n')) lines.push(`    ${line.trim()}`)
  }
  return `${lines.join('\n')}\n`
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let link = error; chain.length < LINKS_MAX && !chain.includes(link);) {
    chain.push(link)
    if (!(link instanceof Error) || link.cause === undefined) break
    link = link.cause
  }
  return chain
}

/** The kind of a failure of a library, such as `TypeError`, tells people nothing where one of ours says what is wrong. */
function linkText(link: unknown, isOurs: boolean): string {
  if (!(link instanceof Error)) return String(link)
  if (link instanceof BackupError || errnoOf(link) !== undefined || isAbort(link)) return messageOf(link)
  return link.message === '' ? link.name : isOurs ? link.message : `${link.name}: ${link.message}`
}

/**
 * Whether one of our errors says of what kind the failure is, such as `usage` around what the parser of expressions said.
 * `io` says nothing: it is what becomes of everything that is wrapped.
 */
function isClassified(chain: readonly unknown[]): boolean {
  return chain.some((link) => link instanceof BackupError && link.code !== 'io')
}

/** A failure that ends in neither one of our errors nor one of the system's is ours to repair. */
function isBug(last: unknown): boolean {
  if (last instanceof BackupError || isAbort(last)) return false
  // Node's own codes (ERR_INVALID_ARG_TYPE …) say that it was called wrongly; the system's are names such as EIO.
  return errnoOf(last)?.startsWith('ERR_') ?? true
}

function isAbort(link: unknown): boolean {
  return link instanceof Error && link.name === 'AbortError'
}
