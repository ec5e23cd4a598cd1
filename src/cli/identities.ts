// Credentials that lie in files of other programs: identities of age, SSH private keys, the keys of gpg.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { BackupError } from '../base/errors.ts'
import type { NewCredential, Unlocker } from '../credentials/credential.ts'
import type { Context } from './context.ts'
import type { Environment } from './environment.ts'
import { hardwareRecipient, type HardwareFlags } from './hardware.ts'
import { readIfThere, readSecretFile } from './secret-file.ts'
import { terminalAsk } from './terminal-ask.ts'

/** What all these files together open. Throws for a file that is missing or is no identity. */
export async function identityCredential({ reporter }: Context, files: readonly string[]): Promise<Unlocker> {
  const [{ parseIdentityFile }, { ageUnlocker }] = await Promise.all([
    import('../credentials/age-identity.ts'),
    import('../credentials/age-unlocker.ts'),
  ])
  const ask = terminalAsk(reporter)
  const identities = []
  for (const file of files) {
    identities.push(...(await parseIdentityFile(readSecretFile('reading identity', file), file, { ask })))
  }
  return ageUnlocker(identities, files.length === 1 ? `the identity ${files[0]}` : `the ${files.length} identities`)
}

export async function gpgCredential(): Promise<Unlocker> {
  const { openPgpUnlocker } = await import('../credentials/openpgp.ts')
  return openPgpUnlocker()
}

/** Where ssh-keygen puts keys of the types that can decrypt. */
const SSH_KEYS = ['id_ed25519', 'id_rsa'] as const

/**
 * The SSH keys at their usual places, where they have no passphrase: nobody is asked for one that he did not mention.
 * Undefined when there is none. A file that cannot be read is passed over.
 */
export async function ownSshKeys(env: Environment): Promise<Unlocker | undefined> {
  const folder = join(env['HOME'] || homedir(), '.ssh')
  const files = SSH_KEYS.map((name) => join(folder, name)).flatMap((path) => {
    const content = readIfThere(path)
    return content === undefined ? [] : [{ path, content }]
  })
  if (files.length === 0) return undefined
  const [{ parseIdentityFile }, { ageUnlocker }] = await Promise.all([
    import('../credentials/age-identity.ts'),
    import('../credentials/age-unlocker.ts'),
  ])
  const identities = []
  const names: string[] = []
  for (const { path, content } of files) {
    try {
      const found = await parseIdentityFile(content, path, { ask: NOBODY, askedFor: false })
      identities.push(...found)
      if (found.length > 0) names.push(path)
    } catch (error) {
      if (!(error instanceof BackupError)) throw error
    }
  }
  return identities.length === 0 ? undefined : ageUnlocker(identities, names.join(' and '))
}

const NOBODY = { secret: async () => null, text: async () => null, choose: async () => null, tell: () => false }

export interface RecipientFlags extends HardwareFlags {
  readonly ageRecipient?: readonly string[]
  readonly sshKey?: readonly string[]
  readonly gpgKey?: readonly string[]
}

/** What a new slot is for, or undefined when none of these flags is given. All recipients of age share one slot. */
export async function recipientCredential(
  context: Context,
  { ageRecipient = [], sshKey = [], gpgKey = [], ...hardware }: RecipientFlags,
): Promise<NewCredential | undefined> {
  const forAge = ageRecipient.length + sshKey.length
  const onHardware = await hardwareRecipient(context, hardware)
  if (onHardware !== undefined && forAge + gpgKey.length > 0) {
    throw new BackupError('usage', 'two kinds of new keys are given', '--pkcs11-key or --tpm-key and others', {
      hint: 'add one after the other',
    })
  }
  if (onHardware !== undefined) return onHardware
  if (forAge > 0 && gpgKey.length > 0) {
    throw new BackupError('usage', 'two kinds of new keys are given', '--gpg-key and a recipient of age', {
      hint: 'add one after the other',
    })
  }
  if (gpgKey.length > 0) {
    const { forOpenPgpKeys } = await import('../credentials/openpgp.ts')
    return forOpenPgpKeys(gpgKey)
  }
  if (forAge === 0) return undefined
  const { forAgeRecipients, parseAgeRecipient, parseAgeRecipients } = await import('../credentials/age-recipient.ts')
  const plugins = { ask: terminalAsk(context.reporter) }
  const recipients = []
  for (const given of ageRecipient) {
    if (/^(age1|ssh-)/.test(given)) recipients.push(await parseAgeRecipient(given, '--age-recipient', plugins))
    else recipients.push(...(await parseAgeRecipients(readText('reading recipients', given), given, plugins)))
  }
  for (const file of sshKey) recipients.push(...(await parseAgeRecipients(publicKeys(file), file, plugins)))
  return forAgeRecipients(recipients)
}

function publicKeys(file: string): string {
  const text = readText('reading the SSH public key', file)
  if (!text.includes('PRIVATE KEY-----')) return text
  throw new BackupError('usage', 'this is a private key; a slot is made for the public one', file, {
    hint: `give ${file}.pub`,
  })
}

function readText(what: string, file: string): string {
  return new TextDecoder().decode(readSecretFile(what, file))
}
