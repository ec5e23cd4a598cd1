// Where the passphrase comes from, in this order: what the command line says, the environment, the configuration, the
// person at the terminal. A passphrase never stands in the arguments, where every user of the machine can read it.
import { readFileSync, statSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import { BackupError, wrap } from '../base/errors.ts'
import type { Credential } from '../repo/credentials.ts'
import type { Context } from './context.ts'
import { openTerminal, type Terminal } from './prompt.ts'

const WAYS_TO_GIVE = 'set HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND, or use --key-file'
/** A passphrase or key file longer than this is a mistake in the file's name. */
const SECRET_SIZE_MAX = 64 * 1024
/** How often a passphrase may be typed twice differently before the command gives up. */
const ATTEMPTS = 3

/** The credential to open an existing repository. Throws `usage` when there is nobody to ask. */
export async function findCredential(context: Context, location: string): Promise<Credential> {
  const fromFile = await keyFileCredential(context)
  if (fromFile !== undefined) return fromFile
  const given = await givenPassphrase(context)
  if (given !== undefined) return { kind: 'passphrase', passphrase: given }
  return withTerminal(async (terminal) => ({
    kind: 'passphrase',
    passphrase: nonEmpty(await terminal.askHidden(`Passphrase for ${location}: `), location),
  }))
}

/** The credential for a new repository: like `findCredential`, but a passphrase is typed twice. */
export async function credentialForNew(context: Context, location: string): Promise<Credential> {
  const fromFile = await keyFileCredential(context)
  if (fromFile !== undefined) return fromFile
  return { kind: 'passphrase', passphrase: (await givenPassphrase(context)) ?? (await askTwice(location)) }
}

async function keyFileCredential(context: Context): Promise<Credential | undefined> {
  const file = await keyFileName(context)
  if (file === undefined) return undefined
  const { parseKeyFile } = await import('../crypto/keyfile.ts')
  return { kind: 'key-file', secret: parseKeyFile(readSecretFile('reading key file', file), file) }
}

/** Asks twice for a passphrase, whatever the environment holds. */
export async function askTwice(purpose: string): Promise<string> {
  return withTerminal(async (terminal) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = nonEmpty(await terminal.askHidden(`New passphrase for ${purpose}: `), purpose)
      if ((await terminal.askHidden('The same again: ')) === first) return first
    }
    throw new BackupError('usage', 'the two passphrases differ', purpose)
  })
}

/** The passphrase of a file: everything but one line end at its end. */
export function passphraseFromFile(file: string): string {
  return nonEmpty(withoutLineEnd(displayText(readSecretFile('reading passphrase file', file))), file)
}

async function keyFileName(context: Context): Promise<string | undefined> {
  const { globals, env } = context
  if (globals.passwordFile !== undefined || globals.passwordCommand !== undefined) {
    if (globals.keyFile === undefined) return undefined
    throw new BackupError('usage', 'two credentials are given', '--key-file and a passphrase')
  }
  return (
    globals.keyFile ??
    set(env['HOLDFAST_KEY_FILE']) ??
    (hasPassphraseVariable(context) ? undefined : (await context.config()).keyFile)
  )
}

/** The passphrase from the command line, the environment or the configuration; undefined when none of them has one. */
async function givenPassphrase(context: Context): Promise<string | undefined> {
  const { globals, env } = context
  if (globals.passwordFile !== undefined && globals.passwordCommand !== undefined) {
    throw new BackupError('usage', 'two passphrases are given', '--password-file and --password-command')
  }
  if (globals.passwordFile !== undefined) return passphraseFromFile(globals.passwordFile)
  if (globals.passwordCommand !== undefined) return passphraseFromCommand(globals.passwordCommand)
  const variables = PASSPHRASE_VARIABLES.filter((name) => set(env[name]) !== undefined)
  if (variables.length > 1) {
    throw new BackupError('usage', 'more than one passphrase is given', variables.join(' and '), {
      hint: 'keep one of them',
    })
  }
  switch (variables[0]) {
    case 'HOLDFAST_PASSWORD':
      return env['HOLDFAST_PASSWORD']!
    case 'HOLDFAST_PASSWORD_FILE':
      return passphraseFromFile(env['HOLDFAST_PASSWORD_FILE']!)
    case 'HOLDFAST_PASSWORD_COMMAND':
      return passphraseFromCommand(env['HOLDFAST_PASSWORD_COMMAND']!)
  }
  const config = await context.config()
  if (config.passwordFile !== undefined) return passphraseFromFile(config.passwordFile)
  return config.passwordCommand === undefined ? undefined : passphraseFromCommand(config.passwordCommand)
}

const PASSPHRASE_VARIABLES = ['HOLDFAST_PASSWORD', 'HOLDFAST_PASSWORD_FILE', 'HOLDFAST_PASSWORD_COMMAND'] as const

function hasPassphraseVariable({ env }: Context): boolean {
  return PASSPHRASE_VARIABLES.some((name) => set(env[name]) !== undefined)
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
