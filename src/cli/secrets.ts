// Where the passphrase comes from, in this order: what the command line says, the environment, the configuration, the
// person at the terminal. A passphrase never stands in the arguments, where every user of the machine can read it.
import { readFileSync, statSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import { BackupError, codeOf, wrap } from '../base/errors.ts'
import type { Credential, SecretCredential } from '../credentials/credential.ts'
import type { Context } from './context.ts'
import { openTerminal, type Terminal } from './prompt.ts'

const WAYS_TO_GIVE = 'set HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND, or use --key-file'
/** A passphrase or key file longer than this is a mistake in the file's name. */
const SECRET_SIZE_MAX = 64 * 1024
/** How often a passphrase may be typed wrong, or twice differently, before the command gives up. */
const ATTEMPTS = 3

export interface FoundCredential<C extends Credential = Credential> {
  readonly credential: C
  /** `the passphrase from HOLDFAST_PASSWORD` and so on; undefined when the person at the terminal typed it. */
  readonly description?: string
}

/** The credential to open an existing repository. Throws `usage` when there is nobody to ask. */
export async function findCredential(context: Context, location: string): Promise<FoundCredential> {
  const given = await givenCredential(context)
  if (given !== undefined) return given
  return askOnce(location)
}

/**
 * Runs `step`, which opens a repository. Where the credential is wrong, the error says who gave it; what was typed may be
 * typed again.
 */
export async function opening<T>(
  { credential, description }: FoundCredential,
  location: string,
  step: (credential: Credential) => Promise<T>,
): Promise<T> {
  let tried = credential
  for (let attempt = 1; ; attempt++) {
    try {
      return await step(tried)
    } catch (cause) {
      if (codeOf(cause) !== 'wrong-key') throw cause
      if (description !== undefined) throw wrap(`opening with ${description}`, location, cause)
      if (attempt === ATTEMPTS) throw cause
    }
    ;({ credential: tried } = await askOnce(location, 'This passphrase does not open it.'))
  }
}

async function askOnce(location: string, before?: string): Promise<FoundCredential> {
  return withTerminal(async (terminal) => {
    if (before !== undefined) terminal.tell(before)
    const passphrase = nonEmpty(await terminal.askHidden(`Passphrase for ${location}: `), location)
    return { credential: { kind: 'passphrase', passphrase } }
  })
}

/** The credential for a new repository: like `findCredential`, but a passphrase is typed twice. */
export async function credentialForNew(context: Context, location: string): Promise<SecretCredential> {
  const given = await givenCredential(context)
  return given?.credential ?? { kind: 'passphrase', passphrase: await askTwice(location) }
}

async function givenCredential(context: Context): Promise<FoundCredential<SecretCredential> | undefined> {
  const keyFile = await keyFileName(context)
  if (keyFile !== undefined) {
    const { value: file, source } = keyFile
    const { parseKeyFile } = await import('../crypto/keyfile.ts')
    const secret = parseKeyFile(readSecretFile('reading key file', file), file)
    return { credential: { kind: 'key-file', secret }, description: `the key file from ${source} (${file})` }
  }
  const given = await givenPassphrase(context)
  if (given === undefined) return undefined
  const { value: passphrase, source } = given
  return { credential: { kind: 'passphrase', passphrase }, description: `the passphrase from ${source}` }
}

/** A text, and the flag, the variable or the key of the configuration that gave it. */
interface Given {
  readonly value: string
  readonly source: string
}

/** Asks twice for a passphrase, whatever the environment holds. */
export async function askTwice(purpose: string): Promise<string> {
  return withTerminal(async (terminal) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = nonEmpty(await terminal.askHidden(`New passphrase for ${purpose}: `), purpose)
      if ((await terminal.askHidden('The same again: ')) === first) return first
      terminal.tell('The two differ.')
    }
    throw new BackupError('usage', 'the two passphrases differ', purpose)
  })
}

/** The passphrase of a file: everything but one line end at its end. */
export function passphraseFromFile(file: string): string {
  return nonEmpty(withoutLineEnd(displayText(readSecretFile('reading passphrase file', file))), file)
}

async function keyFileName(context: Context): Promise<Given | undefined> {
  const { globals, env } = context
  if (globals.passwordFile !== undefined || globals.passwordCommand !== undefined) {
    if (globals.keyFile === undefined) return undefined
    throw new BackupError('usage', 'two credentials are given', '--key-file and a passphrase')
  }
  if (globals.keyFile !== undefined) return { value: globals.keyFile, source: '--key-file' }
  const variable = set(env['HOLDFAST_KEY_FILE'])
  const passphrases = passphraseVariables(context)
  if (variable !== undefined) {
    if (passphrases.length > 0) throw moreThanOne(['HOLDFAST_KEY_FILE', ...passphrases])
    return { value: variable, source: 'HOLDFAST_KEY_FILE' }
  }
  if (passphrases.length > 0) return undefined
  const { keyFile, file } = await context.config()
  return keyFile === undefined ? undefined : { value: keyFile, source: `key-file in ${file}` }
}

/** The passphrase from the command line, the environment or the configuration; undefined when none of them has one. */
async function givenPassphrase(context: Context): Promise<Given | undefined> {
  const { globals, env } = context
  if (globals.passwordFile !== undefined && globals.passwordCommand !== undefined) {
    throw new BackupError('usage', 'two passphrases are given', '--password-file and --password-command')
  }
  if (globals.passwordFile !== undefined) return fromFile(globals.passwordFile, '--password-file')
  if (globals.passwordCommand !== undefined) return fromCommand(globals.passwordCommand, '--password-command')
  const variables = passphraseVariables(context)
  if (variables.length > 1) throw moreThanOne(variables)
  const [variable] = variables
  if (variable !== undefined) {
    const value = env[variable]!
    if (variable === 'HOLDFAST_PASSWORD_FILE') return fromFile(value, variable)
    if (variable === 'HOLDFAST_PASSWORD_COMMAND') return fromCommand(value, variable)
    return { value, source: variable }
  }
  const { passwordFile, passwordCommand, file } = await context.config()
  if (passwordFile !== undefined) return fromFile(passwordFile, `password-file in ${file}`)
  return passwordCommand === undefined ? undefined : fromCommand(passwordCommand, `password-command in ${file}`)
}

function fromFile(file: string, source: string): Given {
  return { value: passphraseFromFile(file), source: `${source} (${file})` }
}

async function fromCommand(command: string | readonly string[], source: string): Promise<Given> {
  return { value: await passphraseFromCommand(command), source }
}

const PASSPHRASE_VARIABLES = ['HOLDFAST_PASSWORD', 'HOLDFAST_PASSWORD_FILE', 'HOLDFAST_PASSWORD_COMMAND'] as const

function passphraseVariables({ env }: Context): (typeof PASSPHRASE_VARIABLES)[number][] {
  return PASSPHRASE_VARIABLES.filter((name) => set(env[name]) !== undefined)
}

/** A wrong guess about which one was meant would look like a wrong passphrase. */
function moreThanOne(variables: readonly string[]): BackupError {
  const hint = 'keep one of them, or say with a flag which one to use'
  return new BackupError('usage', 'more than one passphrase or key file is given', variables.join(' and '), { hint })
}

/** Runs a password manager's command; it may talk to the person on the terminal and on standard error. */
async function passphraseFromCommand(command: string | readonly string[]): Promise<string> {
  const { spawnSync } = await import('node:child_process')
  const [program, args, shown] =
    typeof command === 'string'
      ? ['/bin/sh', ['-c', command], command]
      : [command[0]!, command.slice(1), command.join(' ')]
  const { status, signal, stdout, error } = spawnSync(program, args, {
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: SECRET_SIZE_MAX,
  })
  if (error !== undefined) throw wrap('running the password command', shown, error)
  if (status !== 0) {
    const why = signal === null ? `exit code ${status}` : `signal ${signal}`
    throw new BackupError('usage', `the password command failed with ${why}`, shown)
  }
  return nonEmpty(withoutLineEnd(stdout), shown)
}

async function withTerminal<T>(ask: (terminal: Terminal) => Promise<T>): Promise<T> {
  const terminal = openTerminal()
  if (terminal === null) {
    throw new BackupError('usage', 'no passphrase is given and there is no terminal to ask on', 'HOLDFAST_PASSWORD', {
      hint: WAYS_TO_GIVE,
    })
  }
  try {
    return await ask(terminal)
  } finally {
    terminal.close()
  }
}

function readSecretFile(what: string, file: string): Uint8Array {
  try {
    const { size } = statSync(file)
    if (size > SECRET_SIZE_MAX)
      throw new BackupError('limit', `it has ${size} bytes, more than ${SECRET_SIZE_MAX}`, file)
    return readFileSync(file)
  } catch (cause) {
    throw wrap(what, file, cause)
  }
}

function nonEmpty(passphrase: string, subject: string): string {
  if (passphrase === '') throw new BackupError('usage', 'the passphrase is empty', subject)
  return passphrase
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '')
}

function set(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
