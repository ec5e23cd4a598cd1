// Credentials that a machine keeps: RSA keys on tokens with a PKCS#11 library, and the TPM.
import { existsSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { BackupError } from '../base/errors.ts'
import type { Recipient, Unlocker } from '../credentials/credential.ts'
import type { TokenAccess } from '../credentials/pkcs11.ts'
import type { Tpm } from '../credentials/tpm.ts'
import type { Context } from './context.ts'
import { readSecretFile } from './secret-file.ts'
import { terminalAsk } from './terminal-ask.ts'

export async function tokenCredential(context: Context, uri: string): Promise<Unlocker> {
  const { tokenUnlocker } = await import('../credentials/pkcs11.ts')
  return tokenUnlocker(await tokenAccess(context, uri))
}

export async function tpmCredential(context: Context): Promise<Unlocker> {
  const { tpmUnlocker } = await import('../credentials/tpm.ts')
  return tpmUnlocker(tpmOf(context), terminalAsk(context.reporter))
}

export interface HardwareFlags {
  readonly pkcs11Key?: string
  readonly tpmKey?: boolean
  readonly tpmPin?: boolean
}

/** What a new slot is for, or undefined when none of these flags is given. */
export async function hardwareRecipient(
  context: Context,
  { pkcs11Key, tpmKey = false, tpmPin = false }: HardwareFlags,
): Promise<Recipient | undefined> {
  if (tpmPin && !tpmKey) throw new BackupError('usage', 'a PIN for no key', '--tpm-pin', { hint: 'add --tpm-key' })
  if (pkcs11Key !== undefined && tpmKey) {
    throw new BackupError('usage', 'two new keys are given', '--pkcs11-key and --tpm-key', {
      hint: 'add one after the other',
    })
  }
  if (pkcs11Key !== undefined) {
    const { forTokenKey } = await import('../credentials/pkcs11.ts')
    return forTokenKey(await tokenAccess(context, pkcs11Key))
  }
  if (!tpmKey) return undefined
  const { forTpm } = await import('../credentials/tpm.ts')
  const machine = hostname()
  return forTpm(tpmOf(context), tpmPin ? { machine, pin: await newPin(context) } : { machine })
}

async function tokenAccess({ reporter }: Context, text: string): Promise<TokenAccess> {
  const { parsePkcs11Uri } = await import('../credentials/pkcs11-uri.ts')
  const uri = parsePkcs11Uri(text)
  const ask = terminalAsk(reporter)
  if (uri.pinFile === undefined) return { uri, ask }
  const pin = new TextDecoder().decode(readSecretFile('reading the PIN', uri.pinFile)).replace(/\r?\n$/, '')
  return { uri, ask, pin }
}

/** The folder of a login is in memory; others may be on a disk. */
function tpmOf({ env }: Context): Tpm {
  const own = env['XDG_RUNTIME_DIR']
  return { tempFolder: own !== undefined && own !== '' && existsSync(own) ? own : tmpdir() }
}

async function newPin({ reporter }: Context): Promise<string> {
  const ask = terminalAsk(reporter)
  const first = await ask.secret('New PIN for the TPM: ')
  if (first === null) {
    throw new BackupError('usage', 'there is no terminal to ask on', '--tpm-pin', {
      hint: 'leave it out for a key without a PIN',
    })
  }
  if (first === (await ask.secret('The same again: '))) return first
  throw new BackupError('usage', 'the two PINs differ', '--tpm-pin')
}
