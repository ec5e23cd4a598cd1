// Gives a checkpoint to a second place, where whoever keeps the store cannot change it: a file, a command, a web server.
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { BackupError, doing, errnoOf, wrap } from '../base/errors.ts'
import { publicationName, withoutSecrets } from './publication.ts'
import { replaceFile } from './replace-file.ts'
import type { Publication } from './publication.ts'

export interface Published {
  /** The checkpoint, as people keep it. */
  readonly text: string
  /** Name of a file that it gets in a folder, without its ending. */
  readonly name: string
}

/** A witness that takes longer is taken for one that is not there. */
const COMMAND_TIMEOUT_MS = 60_000
const HTTP_TIMEOUT_MS = 30_000
/** What is shown of what a command has to say when it fails. */
const STDERR_MAX = 1000

/** Throws `unreachable`, `refused`, `io` and what files throw. */
export function publish(publication: Publication, published: Published): Promise<void> {
  return doing('publishing the checkpoint', publicationName(publication), async () => {
    if (publication.kind === 'file') writeWhole(publication.path, published)
    else if (publication.kind === 'command') await runCommand(publication.command, published.text)
    else await post(publication.address, published.text)
  })
}

/** Into a folder as a new file, in the place of a file as the latest. */
function writeWhole(path: string, { text, name }: Published): void {
  const file = isFolder(path) ? join(path, `${name}.txt`) : path
  try {
    replaceFile(file, text, 0o644)
  } catch (cause) {
    throw wrap('writing', file, cause)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** The text is its standard input. */
async function runCommand(command: string, text: string): Promise<void> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'ignore', 'pipe'], timeout: COMMAND_TIMEOUT_MS })
  let said = ''
  child.stderr.on('data', (part: Buffer) => (said = (said + part.toString('utf8')).slice(-STDERR_MAX)))
  child.stdin.on('error', () => undefined) // it need not read all of it
  child.stdin.end(text)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...end) => resolve(end))
  })
  if (code === 0) return
  const why = signal === null ? `exit code ${code}` : `signal ${signal}`
  const words = said.trim() === '' ? '' : `, saying: ${said.trim()}`
  throw new BackupError('io', `the command ended with ${why}${words}`, command)
}

async function post(address: string, text: string): Promise<void> {
  let response: Response
  try {
    response = await fetch(address, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'holdfast' },
      redirect: 'error', // a checkpoint goes where it was sent to, or nowhere
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    })
    await response.body?.cancel()
  } catch (cause) {
    throw new BackupError('unreachable', reasonOf(cause), withoutSecrets(address), { cause })
  }
  if (response.ok) return
  const code = response.status === 401 || response.status === 403 ? 'refused' : 'io'
  throw new BackupError(code, `the server answered ${response.status} ${response.statusText}`, withoutSecrets(address))
}

/** fetch says only that it failed; why is in what caused that. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time'
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? (errnoOf(cause) ?? cause.message) : 'no answer'
}
