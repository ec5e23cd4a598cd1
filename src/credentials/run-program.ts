// Runs a program to its end, with bounds on what it may say.
import { spawn } from 'node:child_process'
import { BackupError, errnoOf, wrap } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'

export interface ProgramRun {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: Uint8Array
  /** Its end, as text. */
  readonly stderr: string
}

export interface ProgramOptions {
  readonly input?: Uint8Array
  /** Instead of that of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** Bytes of standard output; a program that says more is stopped. */
  readonly outputMax: number
  /** Said when the program is not there. */
  readonly hint: string
}

/** What is kept of standard error. */
const STDERR_MAX = 64 * 1024

/** Throws `not-found` when there is no such program, `limit` when it says too much. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input, env, outputMax, hint }: ProgramOptions,
): Promise<ProgramRun> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(env !== undefined && { env }) })
  const parts: Uint8Array[] = []
  let size = 0
  let stderr = ''
  child.stdout.on('data', (bytes: Uint8Array) => {
    size += bytes.length
    if (size > outputMax) child.kill()
    else parts.push(bytes)
  })
  child.stderr.on('data', (bytes: Uint8Array) => (stderr = (stderr + displayText(bytes)).slice(-STDERR_MAX)))
  child.stdin.on('error', () => undefined) // a program need not read what it is given
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  }).catch((cause: unknown) => {
    if (errnoOf(cause) === 'ENOENT')
      throw new BackupError('not-found', 'the program is not installed', program, { hint })
    throw wrap('running the program', program, cause)
  })
  if (size > outputMax) throw new BackupError('limit', `the program says more than ${outputMax} bytes`, program)
  const stdout = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    stdout.set(part, at)
    at += part.length
    part.fill(0)
  }
  return { code, stdout, stderr }
}
