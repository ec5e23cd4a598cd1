// Files that hold identities of age: its own secret keys, identities of plugins, SSH private keys, and all of these under
// a passphrase (`age -p`).
import { scrypt } from 'node:crypto'
import type { Identity as LibraryIdentity } from 'age-encryption'
import { BackupError, codeOf, messageOf, wrap } from '../base/errors.ts'
import { displayText, utf8 } from '../base/bytes.ts'
import { wipe } from '../crypto/wipe.ts'
import { fromBase64 } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'
import { openWithKey } from './file-key.ts'
import { pluginOfIdentity, unwrapWithPlugin } from './age-plugin.ts'
import type { Ask } from './ask.ts'
import type { PluginEnvironment } from './age-recipient.ts'
import { looksLikeSshPrivateKey, parseSshPrivateKey } from './ssh-private-key.ts'
import type { SshKeyFile } from './ssh-private-key.ts'
import { isForSsh, unwrapWithSsh } from './ssh-stanza.ts'
import type { SshPrivateKey } from './ssh-stanza.ts'

export interface AgeIdentity {
  /** Whether one of the stanzas may be for it, as far as can be told without asking and computing. */
  mayOpen(stanzas: readonly AgeStanza[]): boolean
  /** What the library tries. Asks for a passphrase where it takes one. `subject` is the slot. */
  forLibrary(subject: string): Promise<readonly (string | LibraryIdentity)[]>
}

/** Throws `usage` naming the file for content that is none of this. */
export async function parseIdentityFile(
  content: Uint8Array,
  path: string,
  plugins: PluginEnvironment,
): Promise<AgeIdentity[]> {
  const text = displayText(content)
  if (looksLikeSshPrivateKey(text)) {
    const file = parseSshPrivateKey(text, path)
    return file.encrypted && plugins.askedFor === false ? [] : [sshIdentity(file, path, plugins)]
  }
  if (text.startsWith('age-encryption.org/v1\n')) return [sealedIdentities(content, path, plugins)]
  if (text.trimStart().startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) {
    const { armor } = await import('age-encryption')
    return [sealedIdentities(decodeArmor(armor, text, path), path, plugins)]
  }
  return identityLines(text, path, plugins)
}

async function identityLines(text: string, path: string, plugins: PluginEnvironment): Promise<AgeIdentity[]> {
  const identities: AgeIdentity[] = []
  const ofPlugins = new Map<string, string[]>()
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const plugin = pluginOfIdentity(line)
    if (plugin !== undefined) ofPlugins.set(plugin, [...(ofPlugins.get(plugin) ?? []), line])
    else identities.push(await ownIdentity(line, `${path}, line ${i + 1}`))
  }
  // Plugins come last: they may ask for a touch or a PIN.
  for (const [name, lines] of ofPlugins) identities.push(pluginIdentity(name, lines, plugins))
  if (identities.length === 0) throw new BackupError('usage', 'there is no identity in this file', path)
  return identities
}

async function ownIdentity(line: string, subject: string): Promise<AgeIdentity> {
  if (/^(ssh-|age1)/.test(line)) {
    throw new BackupError('usage', 'this is a public key; only the private one opens', subject, {
      hint: 'give the file that ssh-keygen has put beside it, without .pub, or the one of age-keygen',
    })
  }
  const { Decrypter } = await import('age-encryption')
  try {
    new Decrypter().addIdentity(line)
  } catch {
    // Without the cause: nothing of a secret key may be shown.
    throw new BackupError('usage', 'this is no identity of age', subject, {
      hint: 'one begins with AGE-SECRET-KEY- or AGE-PLUGIN-; SSH private keys are files of their own',
    })
  }
  return { mayOpen: (stanzas) => stanzas.some((stanza) => !isSsh(stanza)), forLibrary: async () => [line] }
}

function pluginIdentity(name: string, lines: readonly string[], plugins: PluginEnvironment): AgeIdentity {
  const plugin = { ...plugins, name }
  const identity = { unwrapFileKey: (stanzas: AgeStanza[]) => unwrapWithPlugin(plugin, lines, stanzas) }
  return { mayOpen: () => true, forLibrary: async () => [identity] }
}

function sshIdentity(file: SshKeyFile, path: string, { ask }: PluginEnvironment): AgeIdentity {
  // Kept also when it failed: nobody is asked again for every slot that somebody put into the store.
  let opened: Promise<SshPrivateKey> | undefined
  const { publicKey } = file
  const open = async () =>
    file.encrypted ? askUntilOpen(ask, path, (passphrase) => file.decrypt(passphrase)) : file.decrypt('')
  const mayBeFor = (stanza: AgeStanza) =>
    publicKey === undefined ? stanza.args[0] === 'ssh-rsa' : isForSsh(stanza, publicKey)
  return {
    mayOpen: (stanzas) => stanzas.some(mayBeFor),
    forLibrary: async (subject) => {
      const unwrapFileKey = async (stanzas: AgeStanza[]) => {
        const candidates = stanzas.filter(mayBeFor)
        if (candidates.length === 0) return null
        const key = await (opened ??= open())
        for (const stanza of candidates) {
          const fileKey = unwrapWithSsh(stanza, key, subject)
          if (fileKey !== null) return fileKey
        }
        return null
      }
      return [{ unwrapFileKey }]
    },
  }
}

/** What is in the file shows when its passphrase is known, which is asked for when a slot is tried. */
function sealedIdentities(file: Uint8Array, path: string, plugins: PluginEnvironment): AgeIdentity {
  let opened: Promise<AgeIdentity[]> | undefined
  const open = async () => {
    const text = await askUntilOpen(plugins.ask, path, (passphrase) => openSealedFile(file, passphrase, path))
    return looksLikeSshPrivateKey(text)
      ? [sshIdentity(parseSshPrivateKey(text, path), path, plugins)]
      : identityLines(text, path, plugins)
  }
  return {
    mayOpen: () => true,
    forLibrary: async (subject) => {
      const identities = await (opened ??= open())
      return (await Promise.all(identities.map((identity) => identity.forLibrary(subject)))).flat()
    },
  }
}

/** How often somebody may type a wrong passphrase for one file. */
const ATTEMPTS = 3

async function askUntilOpen<T>(ask: Ask, path: string, open: (passphrase: string) => T | Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const passphrase = await ask.secret(`Passphrase for ${path}: `)
    if (passphrase === null) {
      throw new BackupError('usage', 'it is under a passphrase and there is nobody to ask', path, {
        hint: 'use an identity without a passphrase here, or run this on a terminal',
      })
    }
    try {
      return await open(passphrase)
    } catch (error) {
      if (codeOf(error) !== 'wrong-key' || attempt === ATTEMPTS) throw error
      ask.tell('This passphrase does not open it.')
    }
  }
}

async function openSealedFile(file: Uint8Array, passphrase: string, path: string): Promise<string> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  decrypter.addIdentity({ unwrapFileKey: (stanzas: AgeStanza[]) => unwrapScrypt(stanzas, passphrase, path) })
  try {
    return await decrypter.decrypt(file, 'text')
  } catch (cause) {
    throw cause instanceof BackupError ? cause : wrap('reading the identity file', path, cause)
  }
}

/** 2^20 takes 1 GiB and seconds; age itself makes 2^18. */
const SCRYPT_WORK_FACTOR_MAX = 20
const SCRYPT_LABEL = 'age-encryption.org/v1/scrypt'

async function unwrapScrypt(stanzas: readonly AgeStanza[], passphrase: string, path: string): Promise<Uint8Array> {
  const [stanza] = stanzas
  const [type, encodedSalt = '', factor = ''] = stanza?.args ?? []
  const salt = fromBase64(encodedSalt)
  if (stanza === undefined || stanzas.length > 1 || type !== 'scrypt' || salt?.length !== 16) {
    throw new BackupError('usage', 'the identity file is not encrypted with a passphrase', path, {
      hint: 'decrypt it with age, and give the result',
    })
  }
  if (!/^[1-9][0-9]?$/.test(factor) || Number(factor) > SCRYPT_WORK_FACTOR_MAX) {
    throw new BackupError('limit', `the identity file asks for a work factor of 2^${factor.slice(0, 20)}`, path)
  }
  const text = utf8(passphrase)
  const key = await scryptKey(text, Buffer.concat([utf8(SCRYPT_LABEL), salt]), 2 ** Number(factor))
  const fileKey = openWithKey(stanza.body, key)
  wipe(text, key)
  if (fileKey === null) throw new BackupError('wrong-key', 'the passphrase does not open the identity file', path)
  return fileKey
}

function scryptKey(passphrase: Uint8Array, salt: Uint8Array, cost: number): Promise<Uint8Array> {
  const options = { N: cost, r: 8, p: 1, maxmem: 2 * 128 * 8 * cost }
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, options, (error, key) => {
      if (error === null) resolve(new Uint8Array(key))
      else reject(error)
    })
  })
}

function decodeArmor(armor: typeof import('age-encryption').armor, text: string, path: string): Uint8Array {
  try {
    return armor.decode(text)
  } catch (cause) {
    throw new BackupError('corrupt', `the armor of the identity file is damaged (${messageOf(cause as Error)})`, path)
  }
}

function isSsh({ args: [type] }: AgeStanza): boolean {
  return type === 'ssh-ed25519' || type === 'ssh-rsa'
}
