// A backup that found no file although there are some: right as far as the rules go, and hardly what was meant.
import { readdirSync, statSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import type { SnapshotBody, SnapshotStats } from '../format/snapshot.ts'
import type { RuleOptions } from '../source/rules.ts'

/** What is known of a backup that may have found nothing. */
export interface Outcome {
  readonly body: Pick<SnapshotBody, 'stats' | 'troubleCount' | 'sources'>
  /** The snapshot that it was compared with. */
  readonly parent: { readonly body: { readonly stats: Pick<SnapshotStats, 'files' | 'others'> } } | undefined
}

/**
 * Why a snapshot without trouble holds nothing but folders although there is more below its sources, or was the last time;
 * undefined when it holds something, or when that is all there ever was. `repository` is the folder of the one it is in.
 */
export function whyNothingIsLeft(
  { body: { stats, troubleCount, sources }, parent }: Outcome,
  rules: RuleOptions,
  repository: string,
): string | undefined {
  if (stats.files + stats.others + troubleCount > 0) return undefined
  const found = sources.find(holdsMoreThanFolders)
  if (found === undefined) return parent === undefined ? undefined : whyAllIsGone(parent.body.stats, sources)
  const why =
    hasRules(rules) && !isSame(Buffer.from(found), repository)
      ? 'the rules leave out everything else, --verbose names it'
      : 'all that is there is the repository'
  return `nothing but folders was backed up: ${why}: ${displayText(found)}`
}

/** A disk that is not mounted leaves an empty folder behind. */
function whyAllIsGone({ files, others }: Pick<SnapshotStats, 'files' | 'others'>, sources: readonly Uint8Array[]) {
  if (files + others === 0) return undefined
  const before = files + others === 1 ? '1 file' : `${files + others} files`
  const where = sources.map(displayText).join(', ')
  return `nothing but folders was backed up, and the last snapshot had ${before}: is a disk not mounted? That one can still be restored by its id: ${where}`
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
