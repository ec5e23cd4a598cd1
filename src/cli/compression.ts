// `--compression METHOD` and `--compression METHOD[,min=SIZE]=GLOB`, on the command line and in the configuration.
import { BackupError } from '../base/errors.ts'
import { METHODS_MAX, sameMethod, type Method } from '../compress/method.ts'
import { liblzma } from '../compress/xz.ts'
import { lz4Package, xzPackage } from '../compress/packages.ts'
import type { CompressionRule } from '../source/file-policy.ts'
import { excludeGlob } from '../source/glob-list.ts'
import { parseSize } from './units.ts'

export interface Compression {
  /** For what no rule names; undefined when nothing is said. */
  readonly method?: Method
  readonly rules: readonly CompressionRule[]
}

const EXAMPLES = 'write a method as in `zstd:9`, and one for some files as in `xz=*.log` or `none,min=1G=*.iso`'
const METHOD_NAMES = 'none, lz4, zstd:LEVEL, xz:LEVEL and auto'

/** The last of `texts` counts, of methods and of rules. Throws `usage` naming the text, and `unsupported`. */
export function parseCompression(texts: readonly string[]): Compression {
  let method: Method | undefined
  const rules: CompressionRule[] = []
  for (const text of texts) {
    const [, name, , min, pattern] = /^([^,=]*)(,min=([^,=]*))?(?:=(.*))?$/s.exec(text) ?? []
    if (name === undefined) throw wrong('neither a method nor a rule for one', text)
    if (pattern === undefined) {
      if (min !== undefined) throw wrong('a pattern is missing', text)
      method = parseMethod(name, text)
    } else {
      if (pattern === '') throw wrong('a pattern is missing', text)
      if (pattern.startsWith('!')) throw wrong('a rule takes nothing back', text)
      if (pattern.endsWith('/')) throw wrong('a rule is for files: those of a folder are `/folder/**`', text)
      const sizeMin = min === undefined ? 0 : parseSize(min)
      rules.push({ method: parseMethod(name, text), sizeMin, pattern: excludeGlob(pattern) })
    }
  }
  const methods = [...(method === undefined ? [] : [method]), ...rules.map((rule) => rule.method)]
  checkCount(methods)
  for (const each of methods) checkUsable(each)
  return { rules, ...(method !== undefined && { method }) }
}

function parseMethod(name: string, text: string): Method {
  const [, kind, level] = /^([a-z0-9]+?)(?::(-?\d{1,2}))?$/.exec(name) ?? []
  const number = level === undefined ? undefined : Number(level)
  switch (kind) {
    case 'none':
    case 'lz4':
    case 'auto':
      if (number !== undefined) throw wrong(`${kind} has no levels`, text)
      return { name: kind }
    case 'zstd':
      return { name: 'zstd', level: levelWithin(number ?? 3, [-7, 19], text) }
    case 'xz':
      return { name: 'xz', level: levelWithin(number ?? 6, [0, 9], text) }
    default:
      // A bare number has always been a level of zstd.
      if (!/^\d{1,2}$/.test(name)) throw wrong(`methods are ${METHOD_NAMES}`, text)
      return Number(name) === 0 ? { name: 'none' } : { name: 'zstd', level: levelWithin(Number(name), [1, 19], text) }
  }
}

function levelWithin(level: number, [min, max]: readonly [number, number], text: string): number {
  if (level < min || level > max) throw wrong(`the level is not between ${min} and ${max}`, text)
  if (level === 0 && min < 0) throw wrong('there is no level 0', text)
  return level
}

function checkCount(methods: readonly Method[]): void {
  const different = methods.filter((method, i) => methods.findIndex((other) => sameMethod(method, other)) === i)
  if (different.length < METHODS_MAX) return
  throw new BackupError('usage', `more than ${METHODS_MAX - 1} methods of compression`, `${different.length}`, {
    hint: 'let rules share methods: each takes memory of its own in every thread',
  })
}

/** A library that is missing is told before anything is read. */
function checkUsable({ name }: Method): void {
  if (name === 'lz4') lz4Package()
  if (name === 'xz') {
    xzPackage()
    liblzma()
  }
}

function wrong(what: string, text: string): BackupError {
  return new BackupError('usage', what, text, { hint: EXAMPLES })
}
