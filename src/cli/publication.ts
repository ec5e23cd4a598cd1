// Where a checkpoint is published: `file:PATH`, `command:COMMAND`, or the address of a web server.
import { BackupError } from '../base/errors.ts'

export type Publication =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'http'; readonly address: string }

/** Throws `usage`. */
export function parsePublication(text: string): Publication {
  if (/^https?:\/\/./i.test(text)) {
    if (!URL.canParse(text)) throw new BackupError('usage', 'not an address', text)
    const { username, password } = new URL(text)
    if (username === '' && password === '') return { kind: 'http', address: text }
    throw new BackupError('usage', 'an address with a password in it', withoutSecrets(text), {
      hint: 'put a token into its path or its query, or use command:',
    })
  }
  const [, kind, rest = ''] = /^(file|command):(.*)$/s.exec(text) ?? []
  if (kind === 'file' && rest !== '') return { kind, path: rest }
  if (kind === 'command' && rest.trim() !== '') return { kind, command: rest }
  throw new BackupError('usage', 'not a place to publish at', text, {
    hint: 'write file:PATH, command:COMMAND or https://…',
  })
}

/** How it is called in messages: without what only its owner may know. */
export function publicationName(publication: Publication): string {
  if (publication.kind === 'file') return `file:${publication.path}`
  return publication.kind === 'command' ? `command:${publication.command}` : withoutSecrets(publication.address)
}

/** Of an address, what may stand in a message. */
export function withoutSecrets(address: string): string {
  const { origin, pathname, search } = new URL(address)
  return `${origin}${pathname}${search === '' ? '' : '?…'}`
}
