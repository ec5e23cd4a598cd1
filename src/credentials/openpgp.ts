// OpenPGP keys by way of `gpg`: it has the keys, its agent asks for their passphrases, smart cards included.
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { OPENPGP_MESSAGE_MAX, SLOT_SECRET_SIZE } from '../format/slot-kinds.ts'
import type { Recipient, Unlocker } from './credential.ts'
import { checkOpenPgpMessage } from './openpgp-message.ts'
import { runProgram } from './run-program.ts'
import type { ProgramRun } from './run-program.ts'

export interface Gpg {
  /** `gpg` by default. */
  readonly program?: string
  /** Instead of that of this process; GNUPGHOME says where the keys are. */
  readonly env?: NodeJS.ProcessEnv
}

interface PublicKey {
  readonly fingerprint: string
  readonly userId: string
  /** Why gpg encrypts nothing for it; undefined where it does. */
  readonly unusable: string | undefined
}

/** Keys by fingerprint, key id or mail address. Throws `not-found` for none, `usage` for several that one of them means. */
export async function forOpenPgpKeys(specs: readonly string[], gpg: Gpg = {}): Promise<Recipient> {
  const keys: PublicKey[] = []
  for (const spec of specs) keys.push(await findKey(spec, gpg))
  return {
    kind: 'openpgp',
    detail: keys.map(({ fingerprint, userId }) => `${fingerprint} ${userId}`.trim()).join('\n'),
    async wrap(secret) {
      // The keys were named one by one; whether others vouch for them is not asked again. Nobody else gets in by gpg.conf.
      const recipients = keys.flatMap(({ fingerprint }) => ['--recipient', fingerprint])
      const args = ['--trust-model', 'always', '--no-encrypt-to', '--no-armor', '--compress-level', '0', ...recipients]
      const run = await runGpg(gpg, [...args, '--encrypt'], { input: secret, outputMax: OPENPGP_MESSAGE_MAX })
      if (run.code !== 0) throw failed('encrypting with gpg', run, keys[0]!.fingerprint)
      checkOpenPgpMessage(run.stdout, 'new key slot')
      return { kind: 'openpgp', message: run.stdout }
    },
  }
}

/** Opens with whatever secret key gpg has. */
export function openPgpUnlocker(gpg: Gpg = {}): Unlocker {
  return {
    kind: 'openpgp',
    description: 'gpg',
    mayOpen: (method) => method.kind === 'openpgp',
    async unwrap(method, slotName) {
      if (method.kind !== 'openpgp') return null
      checkOpenPgpMessage(method.message, slotName)
      const args = ['--no-auto-key-retrieve', '--decrypt']
      const run = await runGpg(gpg, args, { input: method.message, outputMax: SLOT_SECRET_SIZE })
      const status = statusWords(run)
      if (run.code === 0 && status.has('DECRYPTION_OKAY')) return run.stdout
      // A key that was found and did not work, or a passphrase that was not given, is told as it is.
      const tried = status.has('DECRYPTION_KEY') || status.has('ERROR')
      if (status.has('DECRYPTION_FAILED') && !tried) return null
      throw failed('decrypting with gpg', run, slotName)
    },
  }
}

async function findKey(spec: string, gpg: Gpg): Promise<PublicKey> {
  const run = await runGpg(gpg, ['--with-colons', '--list-keys', '--', spec], { outputMax: LISTING_MAX })
  const keys = run.code === 0 ? readListing(displayText(run.stdout)) : []
  const usable = keys.filter((key) => key.unusable === undefined)
  if (usable.length === 1) return usable[0]!
  if (keys.length > 0 && usable.length === 0) {
    throw new BackupError('usage', `this key of gpg ${keys[0]!.unusable}`, spec, {
      hint: 'name another one; gpg --list-keys shows what each is good for',
    })
  }
  if (keys.length === 0) {
    throw new BackupError('not-found', 'gpg has no such key', spec, { hint: 'gpg --list-keys shows those it has' })
  }
  throw new BackupError('usage', `gpg has ${usable.length} keys of this name`, spec, {
    hint: `name one by its fingerprint: ${usable.map(({ fingerprint }) => fingerprint).join(', ')}`,
  })
}

const LISTING_MAX = 1024 * 1024

/** The second field of `pub`: what is not in here is a measure of trust, which nobody asks for. */
const UNUSABLE: Readonly<Record<string, string>> = {
  e: 'has expired',
  r: 'was revoked',
  d: 'is disabled',
  i: 'is invalid',
}

/**
 * GnuPG's doc/DETAILS: `pub` begins a key, the first `fpr` and `uid` after it are the key's own. Capital letters among its
 * capabilities are those of the whole key, with its subkeys.
 */
function readListing(text: string): PublicKey[] {
  const keys: { fingerprint: string; userId: string; unusable: string | undefined }[] = []
  for (const line of text.split('\n')) {
    const fields = line.split(':')
    const key = keys.at(-1)
    if (fields[0] === 'pub') {
      const encrypts = (fields[11] ?? '').includes('E')
      const unusable = UNUSABLE[fields[1] ?? ''] ?? (encrypts ? undefined : 'cannot encrypt')
      keys.push({ fingerprint: '', userId: '', unusable })
    } else if (key === undefined) continue
    else if (fields[0] === 'fpr') key.fingerprint ||= fields[9] ?? ''
    else if (fields[0] === 'uid') key.userId ||= (fields[9] ?? '').replaceAll('\\x3a', ':')
  }
  return keys.filter(({ fingerprint }) => fingerprint !== '')
}

function runGpg(
  { program = 'gpg', env }: Gpg,
  args: readonly string[],
  { input, outputMax }: { readonly input?: Uint8Array; readonly outputMax: number },
): Promise<ProgramRun> {
  return runProgram(program, ['--batch', '--quiet', '--status-fd', '2', ...args], {
    outputMax,
    hint: 'install GnuPG, and see that gpg is on PATH',
    ...(input !== undefined && { input }),
    ...(env !== undefined && { env }),
  })
}

function statusWords({ stderr }: ProgramRun): ReadonlySet<string> {
  return new Set([...stderr.matchAll(/^\[GNUPG:\] ([A-Z_]+)/gm)].map((match) => match[1]!))
}

/** With what gpg said to people. */
function failed(what: string, { code, stderr }: ProgramRun, subject: string): BackupError {
  const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('[GNUPG:]'))
  return new BackupError('io', `${what} failed (${said.join('; ') || `exit code ${code}`})`, subject)
}
