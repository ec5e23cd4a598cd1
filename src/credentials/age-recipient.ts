// Recipients of age: the library's own kinds, SSH keys, and whatever a plugin knows.
import type { Recipient as LibraryRecipient } from 'age-encryption'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import { AGE_STANZAS_MAX, slotStanzas } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'
import { pluginOfRecipient, wrapWithPlugin } from './age-plugin.ts'
import type { Ask } from './ask.ts'
import type { Recipient } from './credential.ts'
import { parseSshPublicKey, sshFingerprint } from './ssh-public-key.ts'
import { wrapForSsh } from './ssh-stanza.ts'

/** One recipient of an age file. */
export interface AgeRecipient {
  /** As its owner knows it: the recipient itself, or the fingerprint of an SSH key and its comment. */
  readonly detail: string
  /** For the library: its own kinds as text. */
  wrapper(random: SecureRandom): string | LibraryRecipient
}

export interface PluginEnvironment {
  readonly ask: Ask
  readonly env?: NodeJS.ProcessEnv
  /** False when the person did not name the file: then an SSH key under a passphrase is no identity at all. */
  readonly askedFor?: boolean
}

/** `age1…`, `ssh-ed25519 …` or `ssh-rsa …`. Throws `usage` naming `subject`. */
export async function parseAgeRecipient(
  text: string,
  subject: string,
  plugins: PluginEnvironment,
): Promise<AgeRecipient> {
  if (/^(ssh|sk|ecdsa)-/.test(text)) {
    const key = parseSshPublicKey(text, subject)
    const comment = text.trim().split(/\s+/).slice(2).join(' ')
    const detail = [key.type, sshFingerprint(key), comment].filter((part) => part !== '').join(' ')
    return { detail, wrapper: (random) => wrapping((fileKey) => [wrapForSsh(fileKey, key, random)]) }
  }
  const name = pluginOfRecipient(text)
  if (name !== undefined) {
    const plugin = { ...plugins, name }
    return { detail: text, wrapper: () => wrapping((fileKey) => wrapWithPlugin(plugin, text, fileKey)) }
  }
  await checkRecipient(text, subject)
  return { detail: shortened(text), wrapper: () => text }
}

/** One on each line; empty lines and those that begin with `#` say nothing. */
export async function parseAgeRecipients(
  content: string,
  file: string,
  plugins: PluginEnvironment,
): Promise<AgeRecipient[]> {
  const lines = content.split('\n').map((line, i) => [line.trim(), `${file}, line ${i + 1}`] as const)
  const used = lines.filter(([line]) => line !== '' && !line.startsWith('#'))
  if (used.length === 0) throw new BackupError('usage', 'there is no recipient in this file', file)
  return Promise.all(used.map(([line, where]) => parseAgeRecipient(line, where, plugins)))
}

/** What a slot is made for: whoever is one of these opens it. Throws `limit` for more than a reader takes. */
export function forAgeRecipients(recipients: readonly AgeRecipient[]): Recipient {
  if (recipients.length > AGE_STANZAS_MAX) {
    throw new BackupError('limit', `${recipients.length} recipients are too many for one key`, 'recipients', {
      hint: `add several keys with at most ${AGE_STANZAS_MAX} each`,
    })
  }
  return {
    kind: 'age',
    detail: recipients.map(({ detail }) => detail).join('\n'),
    async wrap(secret, random): Promise<SlotMethod> {
      const { Encrypter } = await import('age-encryption')
      const encrypter = new Encrypter()
      for (const recipient of recipients) encrypter.addRecipient(recipient.wrapper(random))
      const file = await encrypter.encrypt(secret)
      slotStanzas(file, 'new key slot') // what a reader refuses must not be written
      return { kind: 'age', file }
    },
  }
}

function wrapping(wrap: (fileKey: Uint8Array) => AgeStanza[] | Promise<AgeStanza[]>): LibraryRecipient {
  return {
    wrapFileKey: async (fileKey) => (await wrap(fileKey)).map(({ args, body }) => ({ args: [...args], body })),
  }
}

async function checkRecipient(text: string, subject: string): Promise<void> {
  const { Encrypter } = await import('age-encryption')
  try {
    new Encrypter().addRecipient(text)
  } catch (cause) {
    throw new BackupError('usage', 'this is no recipient of age', subject, {
      cause,
      hint: 'one begins with age1, ssh-ed25519 or ssh-rsa; a typing error shows in its checksum',
    })
  }
}

/** Characters of a recipient in a listing; post-quantum ones have 2,000, and nobody compares those by eye. */
const DETAIL_CHARS = 80

function shortened(text: string): string {
  return text.length <= DETAIL_CHARS ? text : `${text.slice(0, 40)}…${text.slice(-20)}`
}
