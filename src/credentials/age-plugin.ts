// Plugins of age (github.com/C2SP/C2SP, age-plugin.md): a program `age-plugin-NAME` wraps and unwraps file keys, so that
// they can depend on a YubiKey, a TPM or a service. It speaks stanzas like those of age's header over its standard input
// and output; there are two phases, and in the second one the plugin leads.
import { BackupError } from '../base/errors.ts'
import { displayText, utf8 } from '../base/bytes.ts'
import { wipe } from '../crypto/wipe.ts'
import { fromBase64 } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'
import type { Ask } from './ask.ts'
import { PluginProcess } from './plugin-process.ts'

/** The name in `age1NAME1…`, a recipient; undefined for those that age knows itself and for anything else. */
export function pluginOfRecipient(text: string): string | undefined {
  const match = /^age1([a-z0-9+._-]+)1[02-9ac-hj-np-z]{6,}$/.exec(text)
  return match === null || ['pq', 'tag', 'tagpq'].includes(match[1]!) ? undefined : match[1]
}

/** The name in `AGE-PLUGIN-NAME-1…`, an identity. */
export function pluginOfIdentity(text: string): string | undefined {
  return /^AGE-PLUGIN-([A-Z0-9+._-]+)-1[02-9AC-HJ-NP-Z]{6,}$/.exec(text)?.[1]?.toLowerCase()
}

export interface Plugin {
  readonly name: string
  readonly ask: Ask
  /** Instead of that of this process. */
  readonly env?: NodeJS.ProcessEnv
}

/** The stanzas for a recipient. Throws what the plugin says, `not-found` when there is no such program. */
export async function wrapWithPlugin(plugin: Plugin, recipient: string, fileKey: Uint8Array): Promise<AgeStanza[]> {
  const stanzas: AgeStanza[] = []
  await converse(
    plugin,
    'recipient-v1',
    (send) => {
      send(['add-recipient', recipient])
      send(['wrap-file-key'], fileKey)
    },
    ({ args: [command, file, ...args], body }) => {
      if (command !== 'recipient-stanza' || file !== '0' || args.length === 0) return false
      if (stanzas.length === STANZAS_MAX)
        throw new BackupError('limit', 'the plugin gives too many stanzas', plugin.name)
      stanzas.push({ args, body })
      return true
    },
  )
  if (stanzas.length === 0) throw new BackupError('io', 'the plugin of age gave nothing', programName(plugin.name))
  return stanzas
}

/** The file key, or null when none of these identities of one plugin is for it. Throws like `wrapWithPlugin`. */
export async function unwrapWithPlugin(
  plugin: Plugin,
  identities: readonly string[],
  stanzas: readonly AgeStanza[],
): Promise<Uint8Array | null> {
  let fileKey: Uint8Array | null = null
  await converse(
    plugin,
    'identity-v1',
    (send) => {
      for (const identity of identities) send(['add-identity', identity])
      for (const { args, body } of stanzas) send(['recipient-stanza', '0', ...args], body)
    },
    ({ args: [command, file], body }) => {
      if (command !== 'file-key' || file !== '0' || fileKey !== null) return false
      fileKey = body
      return true
    },
  )
  return fileKey
}

/** For one recipient that a plugin wraps to, many more than there are kinds of stanzas. */
const STANZAS_MAX = 16

type Send = (args: readonly string[], body?: Uint8Array) => void

/** `take` says whether a command was one that it expects; errors of the plugin are thrown when it is done. */
async function converse(
  { name, ask, env }: Plugin,
  machine: string,
  begin: (send: Send) => void,
  take: (command: AgeStanza) => boolean,
): Promise<void> {
  const program = programName(name)
  // The protocol asks that plugins rely on no working directory.
  const plugin = new PluginProcess(program, [`--age-plugin=${machine}`], { cwd: '/', ...(env && { env }) })
  const errors: string[] = []
  try {
    begin((args, body) => plugin.send(args, body))
    plugin.send(['done'])
    for (;;) {
      const command = await plugin.receive()
      if (command.args[0] === 'done') break
      if (command.args[0] === 'error') {
        errors.push(displayText(command.body))
        plugin.send(['ok'])
      } else if (take(command)) plugin.send(['ok'])
      else await serve(plugin, command, name, ask)
    }
  } finally {
    plugin.close()
  }
  if (errors.length > 0) throw new BackupError('io', `the plugin of age says: ${errors.join('; ')}`, program)
}

/** What a plugin may want of the person. */
async function serve(plugin: PluginProcess, { args, body }: AgeStanza, name: string, ask: Ask): Promise<void> {
  const message = `${name}: ${displayText(body)}`
  const [command, yes, no] = args
  if (command === 'msg') {
    plugin.send([ask.tell(message) ? 'ok' : 'fail'])
  } else if (command === 'confirm' && yes !== undefined) {
    const answer = await ask.choose(message, optionText(yes), no === undefined ? undefined : optionText(no))
    plugin.send(answer === null ? ['fail'] : ['ok', answer ? 'yes' : 'no'])
  } else if (command === 'request-secret' || command === 'request-public') {
    const answer = await (command === 'request-secret' ? ask.secret(message) : ask.text(message))
    if (answer === null) plugin.send(['fail'])
    else {
      const bytes = utf8(answer)
      plugin.send(['ok'], bytes)
      wipe(bytes)
    }
  } else plugin.send(['unsupported'])
}

function optionText(encoded: string): string {
  const bytes = fromBase64(encoded)
  return bytes === null ? encoded : displayText(bytes)
}

function programName(name: string): string {
  return `age-plugin-${name}`
}
