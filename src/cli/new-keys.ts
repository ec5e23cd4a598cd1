// What `holdfast key add` makes a key slot for: one new credential, or several that are needed together.
import { BackupError } from '../base/errors.ts'
import type { NewCredential } from '../credentials/credential.ts'
import type { Role } from '../format/bundle.ts'
import type { Context } from './context.ts'
import { writeKeyFile } from './creation.ts'
import { recipientCredential, type RecipientFlags } from './identities.ts'
import { askTwice, NEW_PASSPHRASE, passphraseFromFile } from './secrets.ts'
import type { SheetFlags } from './sheets/new-sheets.ts'
import { costOfNew } from './slot-cost.ts'

export interface NewKeyFlags extends RecipientFlags, SheetFlags {
  readonly newKeyFile?: string
  readonly newPasswordFile?: string
  readonly allOf?: boolean
  readonly require?: number
  readonly label?: string
  readonly role?: Role
  readonly domain?: readonly string[]
}

/** Whether the new keys open one slot together, rather than one new key alone. */
export function areTogether({ allOf = false, require }: NewKeyFlags): boolean {
  return allOf || require !== undefined
}

/** Before a file is written or a token asked. Throws `usage`. */
export function checkNewKeys(flags: NewKeyFlags): void {
  const { allOf = false, require } = flags
  if (allOf && require !== undefined) {
    throw new BackupError('usage', 'all of them, or some', '--all-of and --require', { hint: 'give one of the two' })
  }
  if (areTogether(flags)) return
  const { ageRecipient, sshKey, ...others } = flags
  const kinds = {
    '--new-key-file': others.newKeyFile,
    '--new-password-file': others.newPasswordFile,
    'recipients of age': ageRecipient ?? sshKey,
    '--gpg-key': others.gpgKey,
    '--pkcs11-key': others.pkcs11Key,
    '--tpm-key': others.tpmKey,
    '--recovery-sheet': others.recoverySheet,
    '--shares': others.shares,
  }
  const given = Object.entries(kinds).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (given.length < 2) return
  throw new BackupError('usage', 'two new keys are given', given.join(' and '), {
    hint: 'add one after the other; with --all-of they are needed together',
  })
}

/** `onSheets` is what was printed already. */
export async function newCredential(
  context: Context,
  location: string,
  flags: NewKeyFlags,
  onSheets: NewCredential | undefined,
): Promise<NewCredential> {
  if (areTogether(flags)) return several(context, location, flags, onSheets)
  if (onSheets !== undefined) return onSheets
  const recipients = await recipientCredential(context, flags)
  if (recipients !== undefined) return recipients
  if (flags.newKeyFile !== undefined) return writeKeyFile(flags.newKeyFile)
  return { kind: 'passphrase', passphrase: await newPassphrase(context, location, flags.newPasswordFile) }
}

/** A passphrase is one of them when it is given, or when only one other is named. */
async function several(
  context: Context,
  location: string,
  flags: NewKeyFlags,
  onSheets: NewCredential | undefined,
): Promise<NewCredential> {
  const { checkSeveral, forSeveral } = await import('../credentials/several.ts')
  const { newKeyFile, newPasswordFile, ageRecipient = [], sshKey = [], gpgKey = [] } = flags
  const { pkcs11Key, tpmKey, tpmPin } = flags
  const each: readonly RecipientFlags[] = [
    ...ageRecipient.map((recipient) => ({ ageRecipient: [recipient] })),
    ...sshKey.map((file) => ({ sshKey: [file] })),
    ...gpgKey.map((key) => ({ gpgKey: [key] })),
    ...(pkcs11Key === undefined ? [] : [{ pkcs11Key }]),
    ...(tpmKey === true ? [{ tpmKey, ...(tpmPin !== undefined && { tpmPin }) }] : []),
  ]
  const parts: NewCredential[] = onSheets === undefined ? [] : [onSheets]
  for (const one of each) parts.push((await recipientCredential(context, one))!)
  const others = parts.length + (newKeyFile === undefined ? 0 : 1)
  const given = newPasswordFile !== undefined || (context.env['HOLDFAST_NEW_PASSWORD'] ?? '') !== ''
  if (given || others < 2) {
    parts.unshift({ kind: 'passphrase', passphrase: await newPassphrase(context, location, newPasswordFile) })
  }
  const count = parts.length + (newKeyFile === undefined ? 0 : 1)
  const threshold = flags.require ?? count
  // Before the key file is written.
  checkSeveral(count, threshold)
  if (newKeyFile !== undefined) parts.push(await writeKeyFile(newKeyFile))
  const withPassphrase = parts.find(({ kind }) => kind === 'passphrase')
  return forSeveral(parts, threshold, withPassphrase && (await costOfNew(context, withPassphrase)).cost)
}

export async function newPassphrase(context: Context, location: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return passphraseFromFile(file)
  const given = context.env['HOLDFAST_NEW_PASSWORD']
  return given === undefined || given === '' ? askTwice(location, NEW_PASSPHRASE) : given
}
