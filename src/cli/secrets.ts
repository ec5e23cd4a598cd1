// Where the credential comes from, in this order: what the command line says, the environment, the configuration, the key
// of this machine, an SSH key at its usual place, the person at the terminal. A passphrase never stands in the arguments, where every user of the machine can read it.
import { displayText } from '../base/bytes.ts'
import { BackupError, codeOf, wrap } from '../base/errors.ts'
import type { Credential, SecretCredential } from '../credentials/credential.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { givenWay, givenWays, moreThanOne, passphraseVariables, type Way } from './credential-ways.ts'
import { tokenCredential, tpmCredential } from './hardware.ts'
import { gpgCredential, identityCredential, ownSshKeys } from './identities.ts'
import { isRootKnown } from './known-roots.ts'
import { machineCredential, machineKey, machineRefused } from './machine-key.ts'
import { openTerminal, type Terminal } from './prompt.ts'
import { recoveryCredential, sharesCredential } from './recovery-input.ts'
import { readSecretFile, warnOfReaders } from './secret-file.ts'

const WAYS_TO_GIVE =
  'set HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND, or use --key-file or --identity'
/** How a passphrase is given where nobody can be asked. */
const PASSPHRASE = { variable: 'HOLDFAST_PASSWORD', hint: WAYS_TO_GIVE }
export const NEW_PASSPHRASE = {
  variable: 'HOLDFAST_NEW_PASSWORD',
  hint: 'set HOLDFAST_NEW_PASSWORD to the new passphrase, or use --new-password-file',
}
/** What a password manager may print. */
const SECRET_SIZE_MAX = 64 * 1024
/** How often a passphrase may be typed wrong, or twice differently, before the command gives up. */
export const ATTEMPTS = 3

export interface FoundCredential<C extends Credential = Credential> {
  readonly credential: C
  /** `the passphrase from HOLDFAST_PASSWORD` and so on; undefined when the person at the terminal typed it. */
  readonly description?: string
  /** Of the writer that this machine was enrolled as. */
  readonly writerSeed?: Uint8Array
  /** What to take when this one does not open the repository, or lacks a right: nobody has said that it should be taken. `why` is told to who is asked. */
  otherwise?(why?: string): Promise<FoundCredential>
  /** Why it does not open the repository, as far as that can be told; undefined when it cannot. */
  refused?(): Promise<BackupError | undefined>
}

/** The credential to open an existing repository. Throws `usage` when there is nobody to ask. */
export async function findCredential(context: Context, store: Store): Promise<FoundCredential> {
  if (context.globals.together === true) return together(context, store.location)
  const given = await givenCredential(context)
  if (given !== undefined) return given
  // Somebody has said that the repository there is the right one: anybody could have made a slot for this key.
  const known = await isRootKnown(context, store.location)
  const machine = await machineKey(context, store.location)
  if (machine === undefined) return ownOrAsked(context, store)
  if (!known) return ownOrAsked(context, store).catch(waiting)
  const credential = await machineCredential(machine)
  const otherwise = (why?: string) => ownOrAsked(context, store, why)
  const refused = () => machineRefused(store, machine)
  return { credential, description: credential.description, otherwise, refused, writerSeed: machine.seed }
}

/** This machine has asked to be let in, and nobody has said yet that the repository there is the right one. */
function waiting(cause: unknown): never {
  if (codeOf(cause) !== 'usage') throw cause
  throw new BackupError('usage', 'this machine is not let in yet, and no other credential is given', 'enroll request', {
    cause,
    hint: '`holdfast enroll request` goes on where it was left',
  })
}

async function ownOrAsked(context: Context, store: Store, before?: string): Promise<FoundCredential> {
  const otherwise = (why = before) => askAsSlotsSay(store, why)
  // Nobody has said that they should open it, and everybody can make a slot for them: they are for the known one alone.
  const credential = (await isRootKnown(context, store.location)) ? await ownSshKeys(context.env) : undefined
  return credential === undefined ? otherwise() : { credential, description: credential.description, otherwise }
}

/** A passphrase, unless the repository has no slot for one. Then gpg is run when nothing else can open it. */
async function askAsSlotsSay(store: Store, why?: string): Promise<FoundCredential> {
  const [{ readSlots }, { initHashing }] = await Promise.all([
    import('../repo/keys/key-slots.ts'),
    import('../crypto/hash.ts'),
  ])
  await initHashing()
  const kinds = new Set((await readSlots(store)).slots.map(({ slot }) => slot.method.kind))
  if (kinds.size === 0 || kinds.has('passphrase')) return askOnce(store.location, why)
  if (kinds.size === 1 && kinds.has('openpgp')) return { credential: await gpgCredential(), description: 'gpg' }
  const ways = [...kinds].flatMap((kind) => WAY_TO_OPEN[kind] ?? [])
  throw new BackupError('usage', 'no credential is given, and no passphrase opens the repository', store.location, {
    hint: ways.length === 0 ? WAYS_TO_GIVE : `use ${ways.join(' or ')}`,
  })
}

const WAY_TO_OPEN: Readonly<Partial<Record<SlotMethod['kind'], string>>> = {
  'key-file': '--key-file or --recovery-words',
  age: '--identity',
  shares: '--share',
  openpgp: '--gpg',
  pkcs11: '--pkcs11',
  tpm: '--tpm',
  several: 'several together with --together',
}

/** Asks the person at the terminal, `before` telling why. Throws `usage` when there is nobody to ask. */
export async function askOnce(location: string, before?: string): Promise<FoundCredential> {
  return withTerminal(async (terminal) => {
    if (before !== undefined) terminal.tell(before)
    const passphrase = nonEmpty(await terminal.askHidden(`Passphrase for ${location}: `), location)
    return { credential: { kind: 'passphrase', passphrase } }
  })
}

/** The credential for a new repository: like `findCredential`, but a passphrase is typed twice. */
export async function credentialForNew(context: Context, location: string): Promise<SecretCredential> {
  const given = await givenCredential(context)
  if (given === undefined) return { kind: 'passphrase', passphrase: await askTwice(location) }
  if (!('unwrap' in given.credential)) return given.credential
  throw new BackupError('usage', `${given.description} opens repositories and makes none`, location, {
    hint: 'say for whom the new one is: `holdfast init` with --ssh-key, --age-recipient, --gpg-key, --pkcs11-key or --tpm-key',
  })
}

async function givenCredential(context: Context): Promise<FoundCredential | undefined> {
  const way = await givenWay(context)
  return way && credentialBy(context, way)
}

/** All that are given, for key slots that need several; the passphrase is asked for when there is only one. */
async function together(context: Context, location: string): Promise<FoundCredential> {
  const { severalUnlocker } = await import('../credentials/several.ts')
  const members: Credential[] = []
  let count = 0
  for (const way of givenWays(context)) {
    const found = await credentialBy(context, way)
    if (found === undefined) continue
    members.push(found.credential)
    // Of several identities each may be for another part.
    count += way.kind === 'identity' ? way.files.length : 1
  }
  if (count < 2 && members.every((member) => member.kind === 'passphrase')) {
    throw new BackupError(
      'usage',
      `${count === 0 ? 'no credential is' : 'a passphrase alone is'} given`,
      '--together',
      {
        hint: 'it takes two or more that are needed together, such as --key-file FILE besides the passphrase',
      },
    )
  }
  if (count < 2) members.push((await askOnce(location)).credential)
  const credential = severalUnlocker(members)
  return { credential, description: credential.description }
}

async function credentialBy(context: Context, way: Way): Promise<FoundCredential | undefined> {
  if (way.kind === 'gpg') return { credential: await gpgCredential(), description: `gpg, by ${way.source}` }
  if (way.kind === 'identity') {
    const credential = await identityCredential(context, way.files)
    return { credential, description: `${credential.description} from ${way.source}` }
  }
  if (way.kind === 'recovery-words') return recoveryCredential(way.file)
  if (way.kind === 'shares') return sharesCredential(way.files)
  if (way.kind === 'pkcs11') {
    const credential = await tokenCredential(context, way.uri)
    return { credential, description: `${credential.description}, by ${way.source}` }
  }
  if (way.kind === 'tpm') return { credential: await tpmCredential(context), description: `the TPM, by ${way.source}` }
  if (way.kind === 'key-file') {
    const { parseKeyFile } = await import('../crypto/keyfile.ts')
    const secret = parseKeyFile(readSecretFile('reading key file', way.file), way.file)
    warnOfReaders(context.reporter, 'key file', way.file)
    return { credential: { kind: 'key-file', secret }, description: `the key file from ${way.source} (${way.file})` }
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

/** Asks twice for a passphrase, whatever the environment holds; `otherwise` is how else it can be given. */
export async function askTwice(purpose: string, otherwise = PASSPHRASE): Promise<string> {
  const ask = async (terminal: Terminal) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = nonEmpty(await terminal.askHidden(`New passphrase for ${purpose}: `), purpose)
      if ((await terminal.askHidden('The same again: ')) === first) return first
      terminal.tell('The two differ.')
    }
    throw new BackupError('usage', 'the two passphrases differ', purpose)
  }
  return withTerminal(ask, otherwise)
}

/** The passphrase of a file: everything but one line end at its end. */
export function passphraseFromFile(file: string): string {
  return nonEmpty(withoutLineEnd(displayText(readSecretFile('reading passphrase file', file))), file)
}

/** The passphrase from the command line, the environment or the configuration; undefined when none of them has one. */
async function givenPassphrase(context: Context): Promise<Given | undefined> {
  const { globals, env } = context
  if (globals.passwordFile !== undefined && globals.passwordCommand !== undefined) {
    throw new BackupError('usage', 'two passphrases are given', '--password-file and --password-command')
  }
  if (globals.passwordFile !== undefined) return fromFile(context, globals.passwordFile, '--password-file')
  if (globals.passwordCommand !== undefined) return fromCommand(globals.passwordCommand, '--password-command')
  const variables = passphraseVariables(context)
  if (variables.length > 1) throw moreThanOne(variables)
  const [variable] = variables
  if (variable !== undefined) {
    const value = env[variable]!
    if (variable === 'HOLDFAST_PASSWORD_FILE') return fromFile(context, value, variable)
    if (variable === 'HOLDFAST_PASSWORD_COMMAND') return fromCommand(value, variable)
    return { value, source: variable }
  }
  const { passwordFile, passwordCommand, file } = await context.config()
  if (passwordFile !== undefined) return fromFile(context, passwordFile, `password-file in ${file}`)
  return passwordCommand === undefined ? undefined : fromCommand(passwordCommand, `password-command in ${file}`)
}

function fromFile({ reporter }: Context, file: string, source: string): Given {
  const value = passphraseFromFile(file)
  warnOfReaders(reporter, 'passphrase file', file)
  return { value, source: `${source} (${file})` }
}

async function fromCommand(command: string | readonly string[], source: string): Promise<Given> {
  return { value: await passphraseFromCommand(command), source }
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

async function withTerminal<T>(ask: (terminal: Terminal) => Promise<T>, otherwise = PASSPHRASE): Promise<T> {
  const terminal = openTerminal()
  if (terminal === null) {
    const { variable, hint } = otherwise
    throw new BackupError('usage', 'no passphrase is given and there is no terminal to ask on', variable, { hint })
  }
  try {
    return await ask(terminal)
  } finally {
    terminal.close()
  }
}

function nonEmpty(passphrase: string, subject: string): string {
  if (passphrase === '') throw new BackupError('usage', 'the passphrase is empty', subject)
  return passphrase
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '')
}
