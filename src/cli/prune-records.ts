// Records of prunes, as `holdfast audit` shows them: who deleted how much, and when.
import { toHex } from '../base/bytes.ts'
import type { RecordedPrune } from '../ops/audit.ts'
import { escapeText } from './escape.ts'
import type { JsonRecord } from './json-lines.ts'
import { recordOrigin } from './record-origin.ts'
import { counted, formatLocalTime, formatSize } from './units.ts'

/** Prunes that are named one by one, the newest; --verbose and --json name all. */
const NAMED_MAX = 5

/** `prunes`: in the order in which the store received their records. */
export function pruneLines(prunes: readonly RecordedPrune[], { all }: { readonly all: boolean }): string[] {
  const named = all ? prunes : prunes.slice(-NAMED_MAX)
  const before = prunes.slice(0, prunes.length - named.length)
  const lines = named.map(({ record: { body }, action }) => {
    return `pruned by ${escapeText(body.by)} on ${formatLocalTime(body.time)}: ${deleted([action])}`
  })
  if (before.length === 0) return lines
  return [
    `${counted(before.length, 'prune')} before those that follow: ${deleted(before.map(({ action }) => action))}`,
    ...lines,
  ]
}

export function pruneRecord({ record, action: { pid, dataPacks, metaPacks, bytes } }: RecordedPrune): JsonRecord {
  return {
    type: 'prune',
    ...recordOrigin(record),
    plan: toHex(pid),
    data_packs: dataPacks,
    meta_packs: metaPacks,
    bytes,
  }
}

function deleted(actions: readonly RecordedPrune['action'][]): string {
  const packs = actions.reduce((sum, { dataPacks, metaPacks }) => sum + dataPacks + metaPacks, 0)
  const bytes = actions.reduce((sum, action) => sum + action.bytes, 0)
  return `${counted(packs, 'pack')} deleted (${formatSize(bytes)})`
}
