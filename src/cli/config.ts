// The configuration file: docs/config.md. TOML, every key known, every value of the right type; anything else is an
// error that names the line, because a misspelt `exclude` that is silently ignored is found out when it is too late.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { unreachable } from '../base/assert.ts'
import { BackupError, errnoOf, wrap } from '../base/errors.ts'
import { schemeOf } from '../store/open-store.ts'
import { PACK_TRUSTS } from '../repo/index/pack-trust.ts'
import type { PackTrust } from '../repo/index/pack-trust.ts'
import type { Environment } from './environment.ts'
import { parsePublication } from './publication.ts'
import type { Publication } from './publication.ts'
import { parseSize } from './units.ts'

/** What decides which files are left out; in the file's top level (for every backup) and in source sets. */
export interface RuleConfig {
  readonly exclude?: readonly string[]
  readonly rules?: readonly string[]
  /** Names of pattern files in the sources themselves. */
  readonly ignoreFiles?: readonly string[]
  readonly excludeIfPresent?: readonly string[]
  readonly excludeCaches?: boolean
  readonly excludeLargerThan?: number
  readonly oneFileSystem?: boolean
  /** `WHAT=GLOB` and `SIZE=GLOB`, see file-policy.ts. */
  readonly distrust?: readonly string[]
  readonly fixedBlocks?: readonly string[]
  /** `METHOD` and `METHOD[,min=SIZE]=GLOB`, see compression.ts. */
  readonly compression?: readonly string[]
  /** Patterns of files that are compared with what is stored. */
  readonly compare?: readonly string[]
}

/** A named choice of sources: `[set.home]`. */
export interface SourceSet extends RuleConfig {
  readonly paths: readonly string[]
  readonly tags?: readonly string[]
  readonly description?: string
  /** As for the flags of a backup. */
  readonly keepUntil?: string
  readonly destroyBy?: string
  readonly domain?: string
  readonly trust?: PackTrust
}

export interface Config extends RuleConfig {
  /** Where it was read from; undefined when there is none. */
  readonly file?: string
  readonly repo?: string
  readonly keyFile?: string
  readonly identity?: readonly string[]
  readonly gpg?: boolean
  readonly pkcs11?: string
  readonly tpm?: boolean
  readonly passwordFile?: string
  /** A text is run by `sh -c`, a list is a program and its arguments. */
  readonly passwordCommand?: string | readonly string[]
  readonly host?: string
  /** Name or id of the domain to which backups go. */
  readonly domain?: string
  /** On whose packs backups rely. */
  readonly trust?: PackTrust
  /** Where each backup publishes its checkpoint. */
  readonly publish?: readonly Publication[]
  readonly sets: Readonly<Record<string, SourceSet>>
}

const RULE_KEYS = {
  exclude: 'texts',
  rules: 'texts',
  'ignore-files': 'texts',
  'exclude-if-present': 'texts',
  'exclude-caches': 'boolean',
  'exclude-larger-than': 'size',
  'one-file-system': 'boolean',
  distrust: 'texts',
  'fixed-blocks': 'texts',
  compression: 'text or texts',
  compare: 'texts',
} as const
const TOP_KEYS = {
  repo: 'location',
  'key-file': 'path',
  identity: 'paths',
  gpg: 'boolean',
  pkcs11: 'text',
  tpm: 'boolean',
  'password-file': 'path',
  'password-command': 'command',
  host: 'text',
  domain: 'text',
  trust: 'trust',
  publish: 'publications',
  ...RULE_KEYS,
  set: 'sets',
} as const
const SET_KEYS = {
  paths: 'paths',
  tags: 'texts',
  description: 'text',
  'keep-until': 'text',
  'destroy-by': 'text',
  domain: 'text',
  trust: 'trust',
  ...RULE_KEYS,
} as const

/** Every key that may stand somewhere; docs/config.md lists them. */
export const CONFIG_KEYS: readonly string[] = [...new Set([...Object.keys(TOP_KEYS), ...Object.keys(SET_KEYS)])]

type KeyType = (typeof TOP_KEYS & typeof SET_KEYS)[keyof (typeof TOP_KEYS & typeof SET_KEYS)] | 'paths'
/** Larger files are no configuration. */
const CONFIG_SIZE_MAX = 1024 * 1024

const EMPTY: Config = { sets: {} }

/**
 * Reads the configuration: the file named on the command line or by HOLDFAST_CONFIG (it must exist; `none` reads
 * nothing), else `holdfast/config.toml` in the user's configuration folder, if it is there. Throws `usage`,
 * `not-found`.
 */
export async function loadConfig(named: string | undefined, env: Environment): Promise<Config> {
  const explicit = named ?? nonEmpty(env['HOLDFAST_CONFIG'])
  if (explicit === 'none') return EMPTY
  const file = explicit ?? defaultConfigFile(env)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (explicit === undefined && errnoOf(cause) === 'ENOENT') return EMPTY
    throw wrap('reading the configuration', file, cause)
  }
  return parseConfig(text, file, homeOf(env))
}

export function defaultConfigFile(env: Environment): string {
  return join(nonEmpty(env['XDG_CONFIG_HOME']) ?? join(homeOf(env), '.config'), 'holdfast', 'config.toml')
}

/** The repository when none is named: in the user's data folder. */
export function defaultRepository(env: Environment): string {
  return join(nonEmpty(env['XDG_DATA_HOME']) ?? join(homeOf(env), '.local', 'share'), 'holdfast', 'repository')
}

/** Relative paths in the file are relative to the file's folder; `~/` is the home folder. Throws `usage`. */
export async function parseConfig(text: string, file: string, home: string): Promise<Config> {
  if (text.length > CONFIG_SIZE_MAX) throw new BackupError('usage', 'configuration is larger than 1 MiB', file)
  const { parse, TomlError } = await import('smol-toml')
  let table: Record<string, unknown>
  try {
    table = parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const why = cause.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '')
    throw new BackupError('usage', `configuration is not valid TOML: ${why}`, `${file}:${cause.line}:${cause.column}`)
  }
  return new Checker(text, file, home).config(table)
}

class Checker {
  readonly #text: string
  readonly #file: string
  readonly #home: string

  constructor(text: string, file: string, home: string) {
    this.#text = text
    this.#file = file
    this.#home = home
  }

  config(table: Record<string, unknown>): Config {
    const values = this.#values(table, TOP_KEYS, [])
    return { sets: {}, ...values, file: this.#file }
  }

  #values(
    table: Record<string, unknown>,
    known: Record<string, KeyType>,
    path: readonly string[],
  ): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(table)) {
      const type = Object.hasOwn(known, key) ? known[key] : undefined
      if (type === undefined) {
        throw this.#error(
          `unknown key \`${[...path, key].join('.')}\``,
          [...path, key],
          `known here: ${Object.keys(known).join(', ')}`,
        )
      }
      values[type === 'sets' ? 'sets' : camel(key)] = this.#value(value, type, [...path, key])
    }
    return values
  }

  #value(value: unknown, type: KeyType, path: readonly string[]): unknown {
    switch (type) {
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#mustBe('true or false', path)
      case 'text':
        return isText(value) ? value : this.#mustBe('a text', path)
      case 'trust':
        return PACK_TRUSTS.includes(value as PackTrust) ? value : this.#mustBe(PACK_TRUSTS.join(' or '), path)
      case 'texts':
        return isTexts(value) ? value : this.#mustBe('a list of texts', path)
      case 'text or texts':
        if (isText(value)) return [value]
        return isTexts(value) ? value : this.#mustBe('a text or a list of texts', path)
      case 'publications':
        return isTexts(value)
          ? value.map((each) => this.#publication(each, path))
          : this.#mustBe('a list of texts', path)
      case 'path':
        return isText(value) ? this.#path(value) : this.#mustBe('a path', path)
      case 'location':
        return isText(value) ? this.#location(value) : this.#mustBe('a path', path)
      case 'paths':
        return isTexts(value) ? value.map((each) => this.#path(each)) : this.#mustBe('a list of paths', path)
      case 'command':
        return isText(value) || (isTexts(value) && value.length > 0)
          ? value
          : this.#mustBe('a command or a list of its words', path)
      case 'size':
        try {
          return parseSize(String(value))
        } catch {
          return this.#mustBe('a size such as "500M"', path)
        }
      case 'sets':
        return this.#sets(value, path)
      default:
        return unreachable(type)
    }
  }

  #sets(value: unknown, path: readonly string[]): Record<string, SourceSet> {
    if (!isTable(value)) return this.#mustBe('tables such as [set.home]', path)
    const sets: Record<string, SourceSet> = {}
    for (const [name, table] of Object.entries(value)) {
      if (!isTable(table)) return this.#mustBe('a table', [...path, name])
      const set = this.#values(table, SET_KEYS, [...path, name])
      if (!Array.isArray(set['paths']) || set['paths'].length === 0) {
        throw this.#error(
          `set \`${name}\` has no \`paths\``,
          [...path, name],
          'say what it backs up: paths = ["/home"]',
        )
      }
      sets[name] = set as unknown as SourceSet
    }
    return sets
  }

  #path(text: string): string {
    if (text === '~' || text.startsWith('~/')) return join(this.#home, text.slice(1))
    return resolve(this.#file, '..', text)
  }

  #publication(text: string, path: readonly string[]): Publication {
    try {
      const publication = parsePublication(text)
      return publication.kind === 'file' ? { kind: 'file', path: this.#path(publication.path) } : publication
    } catch {
      return this.#mustBe('a list of file:PATH, command:COMMAND or https://…', path)
    }
  }

  #location(text: string): string {
    return schemeOf(text) === undefined ? this.#path(text) : text
  }

  #mustBe(what: string, path: readonly string[]): never {
    throw this.#error(`\`${path.join('.')}\` must be ${what}`, path)
  }

  #error(what: string, path: readonly string[], hint?: string): BackupError {
    const line = lineOfKey(this.#text, path)
    return new BackupError(
      'usage',
      what,
      line === undefined ? this.#file : `${this.#file}:${line}`,
      hint === undefined ? {} : { hint },
    )
  }
}

/** The line (from 1) on which a key or a table of this path is written; undefined when it is written in a way not looked for. */
export function lineOfKey(text: string, path: readonly string[]): number | undefined {
  const wanted = path.join('.')
  let table = ''
  let tableLine: number | undefined
  for (const [at, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?/.exec(line)
    if (header !== null) {
      table = normalKey(header[1]!)
      if (table === wanted || table.startsWith(`${wanted}.`)) tableLine ??= at + 1
      continue
    }
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line)
    if (key === null) continue
    const full = [table, normalKey(key[1]!)].filter((part) => part !== '').join('.')
    if (full === wanted) return at + 1
    if (full.startsWith(`${wanted}.`)) tableLine ??= at + 1
  }
  return tableLine
}

function normalKey(key: string): string {
  return key
    .split('.')
    .map((part) => part.trim().replace(/^(["'])(.*)\1$/, '$2'))
    .join('.')
}

function homeOf(env: Environment): string {
  return nonEmpty(env['HOME']) ?? homedir()
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText)
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function camel(key: string): string {
  return key.replace(/-./g, (match) => match[1]!.toUpperCase())
}
