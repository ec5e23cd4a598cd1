// A backup that found no file although there are some: right as far as the rules go, and hardly what was meant.
import { readdirSync, statSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import type { SnapshotBody } from '../format/snapshot.ts'
import type { RuleOptions } from '../source/rules.ts'

/**
 * Why a snapshot without trouble holds nothing but folders although there is more below its sources; undefined when it
 * holds something, or when that is all there is. `repository` is the folder of the one it is in.
 */
export function whyNothingIsLeft(
  { stats, troubleCount, sources }: Pick<SnapshotBody, 'stats' | 'troubleCount' | 'sources'>,
  rules: RuleOptions,
  repository: string,
): string | undefined {
  if (stats.files + stats.others + troubleCount > 0) return undefined
  const found = sources.find(holdsMoreThanFolders)
  if (found === undefined) return undefined
  const why =
    hasRules(rules) && !isSame(Buffer.from(found), repository)
      ? 'the rules leave out everything else, --verbose names it'
      : 'all that is there is the repository'
  return `nothing but folders was backed up: ${why}: ${displayText(found)}`
}

function isSame(a: Buffer, b: string): boolean {
  const [one, other] = [statSync(a, { bigint: true, throwIfNoEntry: false }), statSync(b, { bigint: true })]
  return one?.dev === other.dev && one.ino === other.ino
}

function hasRules(rules: RuleOptions): boolean {
  return Object.values(rules).some((rule) =>
    Array.isArray(rule) ? rule.length > 0 : rule !== undefined && rule !== false,
  )
}

function holdsMoreThanFolders(path: Uint8Array): boolean {
  const folders = [Buffer.from(path)]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
        if (!entry.isDirectory()) return true
        folders.push(Buffer.concat([folder, Buffer.from('/'), entry.name]))
      }
    } catch {
      // It is gone, or was left out without being looked into: nothing is known of it.
    }
  }
  return false
}
