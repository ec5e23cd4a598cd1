// docs/format.md, 7: what the role *report* may know of a snapshot: times and counts, and no name of anything.
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { deriveKey } from '../crypto/hash.ts'
import { limitedText, need, withUnknown } from './fields.ts'
import { readStats, SHORT_TEXT_MAX, writeStats } from './snapshot-body.ts'
import type { SnapshotBody, SnapshotStats } from './snapshot-body.ts'

export interface SnapshotSummary {
  readonly started: Timespec
  readonly ended: Timespec
  readonly stats: SnapshotStats
  readonly troubleCount: number
  readonly partial: boolean
  readonly toolVersion: string
  readonly unknown?: readonly RawField[]
}

/** Bytes of an encoded summary: eight times what numbers and a version take. */
export const SUMMARY_SIZE_MAX = 4096

/** `K_rep` of a domain. */
export function reportKeyOf(domain: { readonly keyIdx: Uint8Array }): Uint8Array {
  return deriveKey('holdfast 1 report', domain.keyIdx)
}

export function summaryOf(body: SnapshotBody): SnapshotSummary {
  const { started, ended, stats, troubleCount, partial, toolVersion } = body
  return { started, ended, stats, troubleCount, partial, toolVersion }
}

export function encodeSummary(summary: SnapshotSummary): Uint8Array {
  const w = new CborWriter(256).openMap()
  w.key(0).timespec(summary.started)
  w.key(1).timespec(summary.ended)
  writeStats(w.key(2), summary.stats)
  w.key(3).uint(summary.troubleCount)
  w.key(4).bool(summary.partial)
  w.key(5).text(limitedText(summary.toolVersion, SHORT_TEXT_MAX, 'version of the tool'))
  return w.rawFields(summary.unknown).closeMap().finish()
}

/** `corrupt` naming `subject`. */
export function decodeSummary(bytes: Uint8Array, subject: string): SnapshotSummary {
  const r = new CborReader(bytes, subject)
  const s: { -readonly [K in keyof SnapshotSummary]?: SnapshotSummary[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) s.started = r.timespec()
    else if (key === 1) s.ended = r.timespec()
    else if (key === 2) s.stats = readStats(r)
    else if (key === 3) s.troubleCount = r.uint()
    else if (key === 4) s.partial = r.bool()
    else if (key === 5) s.toolVersion = r.text(SHORT_TEXT_MAX)
    else return false
    return true
  })
  r.end()
  return {
    started: need(r, s.started, 'start'),
    ended: need(r, s.ended, 'end'),
    stats: need(r, s.stats, 'statistics'),
    troubleCount: need(r, s.troubleCount, 'number of troubles'),
    partial: need(r, s.partial, 'mark whether it is partial'),
    toolVersion: need(r, s.toolVersion, 'version of the tool'),
    ...withUnknown(unknown),
  }
}
