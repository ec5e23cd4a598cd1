// Brings together what the configuration, a source set and the command line leave out. What is nearer wins: of globs the
// last that matches decides, so the command line comes last; of regular expressions the first, so it comes first.
import { readFileSync, statSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import { BackupError, doingSync } from '../base/errors.ts'
import { excludeGlob, parseGlobFile, refuseMalformed, type GlobPattern } from '../source/glob-list.ts'
import { parseFilterFile, parseFilterRule, type PathFilterRule } from '../source/path-filter.ts'
import type { RuleOptions } from '../source/rules.ts'
import type { RuleConfig } from './config.ts'

export type RuleFlags = {
  readonly exclude?: readonly string[]
  readonly excludeFile?: readonly string[]
  readonly rule?: readonly string[]
  readonly ruleFile?: readonly string[]
  readonly ignoreFile?: readonly string[]
  readonly excludeIfPresent?: readonly string[]
  readonly excludeCaches?: boolean
  readonly excludeLargerThan?: number
  readonly oneFileSystem?: boolean
}

/** A file of rules longer than this is some other file. */
const RULE_FILE_SIZE_MAX = 16 * 1024 * 1024

/** `layers` are the configuration and the source set, the farther first. Throws `usage` naming the rule. */
export function backupRules(layers: readonly RuleConfig[], flags: RuleFlags): RuleOptions {
  const nearest = <T>(of: (layer: RuleConfig) => T | undefined, own: T | undefined) =>
    own ?? layers.map(of).findLast((value) => value !== undefined)
  const excludeCaches = nearest((layer) => layer.excludeCaches, flags.excludeCaches)
  const oneFileSystem = nearest((layer) => layer.oneFileSystem, flags.oneFileSystem)
  const fileSizeMax = nearest((layer) => layer.excludeLargerThan, flags.excludeLargerThan)
  return {
    filters: filtersOf(layers, flags),
    globs: globsOf(layers, flags),
    ignoreFiles: [...layers.flatMap(({ ignoreFiles }) => ignoreFiles ?? []), ...(flags.ignoreFile ?? [])],
    markers: [...layers.flatMap(({ excludeIfPresent }) => excludeIfPresent ?? []), ...(flags.excludeIfPresent ?? [])],
    ...(excludeCaches === undefined ? {} : { excludeCaches }),
    ...(oneFileSystem === undefined ? {} : { oneFileSystem }),
    ...(fileSizeMax === undefined ? {} : { fileSizeMax }),
  }
}

function filtersOf(layers: readonly RuleConfig[], { rule = [], ruleFile = [] }: RuleFlags): PathFilterRule[] {
  const own = [
    ...rule.map(parseFilterRule),
    ...ruleFile.flatMap((file) => parseFilterFile(displayText(readRules(file)))),
  ]
  return [...own, ...layers.toReversed().flatMap(({ rules = [] }) => rules.map(parseFilterRule))]
}

function globsOf(layers: readonly RuleConfig[], { exclude = [], excludeFile = [] }: RuleFlags): GlobPattern[] {
  const configured = layers.flatMap((layer) => (layer.exclude ?? []).map(excludeGlob))
  const fromFiles = excludeFile.flatMap((file) =>
    doingSync('reading rules', file, () => parseGlobFile(readRules(file)).map(refuseMalformed)),
  )
  return [...configured, ...fromFiles, ...exclude.map(excludeGlob)]
}

function readRules(file: string): Uint8Array {
  return doingSync('reading rules', file, () => {
    const { size } = statSync(file)
    if (size > RULE_FILE_SIZE_MAX)
      throw new BackupError('limit', `it has ${size} bytes, more than ${RULE_FILE_SIZE_MAX}`, file)
    return readFileSync(file)
  })
}
