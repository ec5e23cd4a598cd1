// Which kind of credential somebody has given, and by what: on the command line before the environment before the
// configuration. Two of one place are refused: a wrong guess about which one was meant would look like a wrong passphrase.
import { BackupError } from '../base/errors.ts'
import type { Context } from './context.ts'
import type { Environment } from './environment.ts'

export type Way =
  | { readonly kind: 'key-file'; readonly file: string; readonly source: string }
  | { readonly kind: 'identity'; readonly files: readonly string[]; readonly source: string }
  | { readonly kind: 'gpg'; readonly source: string }
  /** Without a file they are typed. */
  | { readonly kind: 'recovery-words'; readonly file: string | undefined }
  | { readonly kind: 'shares'; readonly files: readonly string[] }
  | { readonly kind: 'pkcs11'; readonly uri: string; readonly source: string }
  | { readonly kind: 'tpm'; readonly source: string }
  | { readonly kind: 'passphrase' }

export async function givenWay(context: Context): Promise<Way | undefined> {
  return commandLineWay(context) ?? environmentWay(context) ?? (await configuredWay(context))
}

/** All of the command line, and of the environment those of other kinds. */
export function givenWays(context: Context): Way[] {
  const onCommandLine = commandLineWays(context).map(([, way]) => way)
  const inEnvironment = environmentWays(context).filter(({ kind }) => !onCommandLine.some((way) => way.kind === kind))
  return [...onCommandLine, ...inEnvironment]
}

function commandLineWay(context: Context): Way | undefined {
  const ways = commandLineWays(context)
  if (ways.length < 2) return ways[0]?.[1]
  throw new BackupError('usage', 'two credentials are given', ways.map(([name]) => name).join(' and '), {
    hint: 'give one of them; for a key that needs several, add --together',
  })
}

/** Each with its flag. */
function commandLineWays({ globals, env }: Context): [string, Way][] {
  const { keyFile, identities, gpg, recoveryWords, shares, pkcs11, tpm, passwordFile, passwordCommand } = globals
  const ways: [string, Way][] = []
  if (keyFile !== undefined) ways.push(['--key-file', { kind: 'key-file', file: keyFile, source: '--key-file' }])
  if (identities !== undefined) ways.push(['--identity', { kind: 'identity', files: identities, source: '--identity' }])
  if (gpg === true) ways.push(['--gpg', { kind: 'gpg', source: '--gpg' }])
  if (recoveryWords === true) {
    ways.push(['--recovery-words', { kind: 'recovery-words', file: variable(env, 'HOLDFAST_RECOVERY_WORDS_FILE') }])
  }
  if (shares !== undefined) ways.push(['--share', { kind: 'shares', files: shares }])
  if (pkcs11 !== undefined) ways.push(['--pkcs11', { kind: 'pkcs11', uri: pkcs11, source: '--pkcs11' }])
  if (tpm === true) ways.push(['--tpm', { kind: 'tpm', source: '--tpm' }])
  if (passwordFile !== undefined || passwordCommand !== undefined) ways.push(['a passphrase', { kind: 'passphrase' }])
  return ways
}

const VARIABLES: Readonly<Record<string, (value: string, source: string) => Way>> = {
  HOLDFAST_KEY_FILE: (file, source) => ({ kind: 'key-file', file, source }),
  HOLDFAST_IDENTITY: (files, source) => ({ kind: 'identity', files: listOf(files), source }),
  HOLDFAST_RECOVERY_WORDS_FILE: (file) => ({ kind: 'recovery-words', file }),
  HOLDFAST_PKCS11: (uri, source) => ({ kind: 'pkcs11', uri, source }),
}

function environmentWay(context: Context): Way | undefined {
  const names = Object.keys(VARIABLES).filter((name) => variable(context.env, name) !== undefined)
  const passphrases = passphraseVariables(context)
  if (names.length > 1 || (names.length > 0 && passphrases.length > 0)) throw moreThanOne([...names, ...passphrases])
  return environmentWays(context)[0]
}

function environmentWays(context: Context): Way[] {
  const ways = Object.entries(VARIABLES).flatMap(([name, way]) => {
    const value = variable(context.env, name)
    return value === undefined ? [] : [way(value, name)]
  })
  return passphraseVariables(context).length > 0 ? [...ways, { kind: 'passphrase' }] : ways
}

function listOf(files: string): string[] {
  return files.split(':').filter((file) => file !== '')
}

async function configuredWay(context: Context): Promise<Way | undefined> {
  const { keyFile, identity = [], gpg, pkcs11, tpm, passwordFile, passwordCommand, file } = await context.config()
  if (keyFile !== undefined) return { kind: 'key-file', file: keyFile, source: `key-file in ${file}` }
  if (identity.length > 0) return { kind: 'identity', files: identity, source: `identity in ${file}` }
  if (gpg === true) return { kind: 'gpg', source: `gpg in ${file}` }
  if (pkcs11 !== undefined) return { kind: 'pkcs11', uri: pkcs11, source: `pkcs11 in ${file}` }
  if (tpm === true) return { kind: 'tpm', source: `tpm in ${file}` }
  return passwordFile === undefined && passwordCommand === undefined ? undefined : { kind: 'passphrase' }
}

const PASSPHRASE_VARIABLES = ['HOLDFAST_PASSWORD', 'HOLDFAST_PASSWORD_FILE', 'HOLDFAST_PASSWORD_COMMAND'] as const

/** Those that are set. */
export function passphraseVariables({ env }: Context): (typeof PASSPHRASE_VARIABLES)[number][] {
  return PASSPHRASE_VARIABLES.filter((name) => variable(env, name) !== undefined)
}

export function moreThanOne(variables: readonly string[]): BackupError {
  const hint = 'keep one of them, or say with a flag which one to use'
  return new BackupError('usage', 'more than one credential is given', variables.join(' and '), { hint })
}

/** One that is empty is not set. */
function variable(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}
