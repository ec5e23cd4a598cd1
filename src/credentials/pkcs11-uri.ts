// URIs of PKCS#11 (RFC 7512): which token, which key, and the library that talks to it.
import { BackupError } from '../base/errors.ts'

export interface Pkcs11Uri {
  /** The library. It is run in this process, so it is named by the person and never by a repository. */
  readonly modulePath: string
  readonly token: TokenFilter
  /** Of the key. */
  readonly object?: string
  readonly id?: Uint8Array
  /** A file with the PIN. */
  readonly pinFile?: string
}

/** What the token must say of itself. */
export interface TokenFilter {
  readonly token?: string
  readonly manufacturer?: string
  readonly serial?: string
  readonly model?: string
  readonly slotId?: number
}

const EXAMPLE = 'pkcs11:token=NAME;object=KEY?module-path=/usr/lib/…/module.so'
const PATH_ATTRIBUTES = ['token', 'manufacturer', 'serial', 'model', 'slot-id', 'object', 'id', 'type'] as const

/** Throws `usage`. */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const wrong = (what: string, hint = `write ${EXAMPLE}`) => new BackupError('usage', what, text, { hint })
  const match = /^pkcs11:([^?]*)(?:\?(.*))?$/.exec(text)
  if (match === null) throw wrong('this is no URI of PKCS#11')
  const path = attributes(match[1]!, ';', wrong)
  const query = attributes(match[2] ?? '', '&', wrong)
  if (query.has('pin-value')) {
    // Without the text, which has the PIN.
    throw new BackupError('usage', 'a PIN in the arguments can be read by every user of the machine', 'pin-value', {
      hint: 'leave it out to be asked, or name a file with pin-source=file:/…',
    })
  }
  for (const name of path.keys()) {
    if (!PATH_ATTRIBUTES.some((known) => known === name)) throw wrong(`the attribute ${name} is not known`)
  }
  const value = (name: string, from = path) => from.get(name)?.toString('utf8')
  const modulePath = value('module-path', query)
  if (modulePath === undefined || !modulePath.startsWith('/')) {
    throw wrong('the URI does not name the library with its whole path', `add ?module-path=/… as in ${EXAMPLE}`)
  }
  const slotId = value('slot-id')
  if (slotId !== undefined && !/^[0-9]{1,15}$/.test(slotId)) throw wrong('slot-id is not a number')
  const pinSource = value('pin-source', query)
  if (pinSource !== undefined && !/^file:\/[^/]|^\//.test(pinSource)) throw wrong('pin-source is not a file: URI')
  const type = value('type')
  if (type !== undefined && type !== 'private' && type !== 'public') throw wrong('type is neither private nor public')
  const given = {
    token: value('token'),
    manufacturer: value('manufacturer'),
    serial: value('serial'),
    model: value('model'),
    slotId: slotId === undefined ? undefined : Number(slotId),
  }
  return {
    modulePath,
    token: present(given),
    ...present({ object: value('object'), id: path.get('id'), pinFile: pinSource?.replace(/^file:/, '') }),
  }
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>
}

function attributes(text: string, separator: string, wrong: (what: string) => BackupError): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const part of text.split(separator)) {
    if (part === '') continue
    const [, name, value] = /^([a-z-]+)=(.*)$/s.exec(part) ?? []
    if (name === undefined || value === undefined) throw wrong(`${part} is not of the form NAME=VALUE`)
    if (found.has(name)) throw wrong(`${name} is given twice`)
    if (/%(?![0-9A-Fa-f]{2})/.test(value)) throw wrong(`${name} has a % without two hex digits`)
    // Percent signs stand for bytes, which need not be UTF-8.
    found.set(name, Buffer.concat(value.split(/(%[0-9A-Fa-f]{2})/).map(bytesOfPart)))
  }
  return found
}

function bytesOfPart(part: string): Buffer {
  return /^%[0-9A-Fa-f]{2}$/.test(part) ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part, 'utf8')
}
