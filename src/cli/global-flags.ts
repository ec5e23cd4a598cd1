// Flags that every command takes. They may stand before or after the command's name (`holdfast --json ls latest`,
// `holdfast ls latest --json`), so they are taken out of the arguments before the command's own parser sees them.
// After `--` everything is an argument. A value that begins with a dash is written `--flag=-value`.
import { BackupError } from '../base/errors.ts'
import { plainPath } from './native-text.ts'

export interface GlobalFlag {
  readonly name: string
  readonly alias?: string
  /** Present when the flag takes a value. */
  readonly placeholder?: string
  readonly brief: string
  readonly environment?: string
  /** May be given several times. */
  readonly repeats?: boolean
  /** What a shell completes the value with. */
  readonly completes?: 'file' | 'directory'
}

export const GLOBAL_FLAGS = [
  {
    name: 'repo',
    alias: 'r',
    placeholder: 'LOCATION',
    brief: 'Where the repository is',
    environment: 'HOLDFAST_REPO',
    completes: 'directory',
  },
  {
    name: 'key-file',
    placeholder: 'FILE',
    brief: 'Open the repository with this key file',
    environment: 'HOLDFAST_KEY_FILE',
    completes: 'file',
  },
  {
    name: 'password-file',
    placeholder: 'FILE',
    brief: 'Read the passphrase from this file',
    environment: 'HOLDFAST_PASSWORD_FILE',
    completes: 'file',
  },
  {
    name: 'password-command',
    placeholder: 'COMMAND',
    brief: 'Run this in a shell; what it prints is the passphrase',
    environment: 'HOLDFAST_PASSWORD_COMMAND',
  },
  {
    name: 'identity',
    placeholder: 'FILE',
    brief: 'Open it with an age identity or an SSH private key',
    environment: 'HOLDFAST_IDENTITY',
    repeats: true,
    completes: 'file',
  },
  { name: 'gpg', brief: 'Open it with an OpenPGP key of gpg' },
  {
    name: 'recovery-words',
    brief: 'Open it with the words of a recovery sheet, asked for or read from standard input',
    environment: 'HOLDFAST_RECOVERY_WORDS_FILE',
  },
  {
    name: 'share',
    placeholder: 'FILE',
    brief: 'Open it with shares, each from a file; `-` asks for the words (may be repeated)',
    repeats: true,
    completes: 'file',
  },
  {
    name: 'pkcs11',
    placeholder: 'URI',
    brief: 'Open it with an RSA key on a token: pkcs11:token=NAME?module-path=/...',
    environment: 'HOLDFAST_PKCS11',
  },
  { name: 'tpm', brief: 'Open it with the TPM of this machine' },
  { name: 'together', brief: 'Use all credentials that are given, for a key that needs several' },
  {
    name: 'config',
    placeholder: 'FILE',
    brief: 'Configuration file; `none` reads none',
    environment: 'HOLDFAST_CONFIG',
    completes: 'file',
  },
  {
    name: 'accept-rollback',
    brief: 'Go on once though the repository lacks what was there before: after its store was restored from a copy',
  },
  {
    name: 'include-revoked',
    brief: 'List and find snapshots of revoked machines too, which count for nothing: to look into them',
  },
  { name: 'json', brief: 'One JSON object a line on standard output (docs/json.md)' },
  { name: 'quiet', alias: 'q', brief: 'Only results and problems' },
  { name: 'verbose', alias: 'v', brief: 'More detail: what became of each file' },
  { name: 'no-progress', brief: 'No progress line, also on a terminal' },
] as const satisfies readonly GlobalFlag[]

/** What was given on the command line; the environment and the configuration come in later. */
export interface GlobalOptions {
  readonly repo?: string
  readonly keyFile?: string
  readonly passwordFile?: string
  readonly passwordCommand?: string
  readonly identities?: readonly string[]
  readonly gpg?: boolean
  readonly recoveryWords?: boolean
  readonly shares?: readonly string[]
  readonly pkcs11?: string
  readonly tpm?: boolean
  readonly together?: boolean
  readonly config?: string
  readonly acceptRollback: boolean
  readonly includeRevoked: boolean
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly noProgress: boolean
}

export interface SplitArguments {
  readonly globals: GlobalOptions
  /** The command, its flags and its arguments. */
  readonly rest: readonly string[]
}

/** Takes the global flags out of the arguments. Throws `usage`. */
export function splitGlobalFlags(args: readonly string[]): SplitArguments {
  const values = new Map<string, string | true>()
  const lists = new Map<string, string[]>()
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!
    if (argument === '--') {
      rest.push(...args.slice(at))
      break
    }
    const [flag, inline] = namedFlag(argument)
    if (flag === undefined) {
      const remainder = takeCluster(argument, values)
      if (remainder !== '' || argument === '') rest.push(remainder)
      continue
    }
    if (flag.placeholder === undefined) {
      if (inline !== undefined) throw usage(`--${flag.name} takes no value`, argument)
      values.set(flag.name, true)
      continue
    }
    const value = inline ?? args[++at]
    if (value === undefined || value === '' || (inline === undefined && /^-./.test(value))) {
      throw usage(`--${flag.name} needs a value`, flag.placeholder)
    }
    if (flag.repeats === true) {
      lists.set(flag.name, [...(lists.get(flag.name) ?? []), value])
      continue
    }
    if (values.has(flag.name)) throw usage(`--${flag.name} is given twice`, value)
    values.set(flag.name, value)
  }
  return { globals: optionsOf(values, lists), rest: helpAndVersion(rest) }
}

function namedFlag(argument: string): [GlobalFlag | undefined, string | undefined] {
  const flags: readonly GlobalFlag[] = GLOBAL_FLAGS
  const match = /^(--?)([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(argument)
  if (match === null) return [undefined, undefined]
  const [, dashes, name, inline] = match
  return [flags.find((flag) => (dashes === '--' ? flag.name === name : flag.alias === name)), inline]
}

/** Takes `-q` and `-v` out of flags written together (`-nv`); returns what is left, or the argument as it was. */
function takeCluster(argument: string, values: Map<string, string | true>): string {
  if (!/^-[a-zA-Z]{2,}$/.test(argument)) return argument
  const flags: readonly GlobalFlag[] = GLOBAL_FLAGS
  let left = ''
  for (const letter of argument.slice(1)) {
    const flag = flags.find(({ alias, placeholder }) => alias === letter && placeholder === undefined)
    if (flag === undefined) left += letter
    else values.set(flag.name, true)
  }
  return left === '' ? '' : `-${left}`
}

function optionsOf(
  values: ReadonlyMap<string, string | true>,
  lists: ReadonlyMap<string, readonly string[]>,
): GlobalOptions {
  const text = (name: string) => values.get(name) as string | undefined
  const path = (name: string) => (text(name) === undefined ? undefined : plainPath(text(name)!))
  const given: [string, string | undefined][] = [
    ['repo', path('repo')],
    ['keyFile', path('key-file')],
    ['passwordFile', path('password-file')],
    ['passwordCommand', text('password-command')],
    ['pkcs11', text('pkcs11')],
    ['config', path('config')],
  ]
  const identities = lists.get('identity')?.map(plainPath)
  const shares = lists.get('share')?.map(plainPath)
  const options = {
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
    ...(identities !== undefined && { identities }),
    ...(values.has('gpg') && { gpg: true }),
    acceptRollback: values.has('accept-rollback'),
    includeRevoked: values.has('include-revoked'),
    ...(values.has('recovery-words') && { recoveryWords: true }),
    ...(shares !== undefined && { shares }),
    ...(values.has('tpm') && { tpm: true }),
    ...(values.has('together') && { together: true }),
    json: values.has('json'),
    quiet: values.has('quiet'),
    verbose: values.has('verbose'),
    noProgress: values.has('no-progress'),
  }
  if (options.quiet && options.verbose) throw usage('--quiet and --verbose contradict each other', 'give one of them')
  return options
}

/** `--version` is `version`; `help backup` is `backup --help`. */
function helpAndVersion(rest: readonly string[]): readonly string[] {
  if (rest[0] === '--version' || rest[0] === '-V') return ['version', ...rest.slice(1)]
  if (rest[0] === 'help') return [...rest.slice(1), '--help']
  return rest
}

function usage(what: string, subject: string): BackupError {
  return new BackupError('usage', what, subject, { hint: '`holdfast --help` lists the flags that every command takes' })
}
