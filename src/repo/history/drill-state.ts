// When it was last proved that snapshots can be restored: what this machine remembers, sealed, and what machines have noted in
// the log for others to see.
import { toHex, utf8 } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import { deriveKey } from '../../crypto/hash.ts'
import { need } from '../../format/fields.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../local-state.ts'
import type { OpenedRecord } from './log.ts'
import type { LocalScope } from '../local-state.ts'

export interface DrillProof {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** Id of the snapshot, hex. */
  readonly snapshot: string
  readonly files: number
  readonly bytes: number
  /** Who noted it in the log; undefined for what this machine remembers. */
  readonly by?: string
}

const CONTEXT = utf8('drill')
const STATE_SIZE_MAX = 4096
const NOTE = /^drill: snapshot ([0-9a-f]{64}), (\d{1,15}) files, (\d{1,15}) bytes restored and compared$/

export async function rememberProof(repo: LocalScope, state: LocalState, proof: DrillProof): Promise<void> {
  const w = new CborWriter(256).openMap()
  w.key(0).uint(proof.timeMs)
  w.key(1).text(proof.snapshot)
  w.key(2).uint(proof.files)
  w.key(3).uint(proof.bytes)
  const plain = w.closeMap().finish()
  await state.write(
    stateName(repo),
    repo.keySealerOf(repo.bundle.localKey).seal(SEALED_TYPES.localState, CONTEXT, plain),
  )
}

/** Undefined when nothing is remembered, or it cannot be read by this credential. */
export async function rememberedProof(repo: LocalScope, state: LocalState): Promise<DrillProof | undefined> {
  const name = stateName(repo)
  const kept = await state.read(name)
  if (kept === null || kept.length > STATE_SIZE_MAX) return undefined
  try {
    return decode(repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name), name)
  } catch (error) {
    if (error instanceof BackupError && error.code === 'corrupt') return undefined
    throw error
  }
}

function decode(bytes: Uint8Array, subject: string): DrillProof {
  const r = new CborReader(bytes, subject)
  const proof: { -readonly [K in keyof DrillProof]?: DrillProof[K] } = {}
  r.fields((key) => {
    if (key === 0) proof.timeMs = r.uint()
    else if (key === 1) proof.snapshot = r.text(64)
    else if (key === 2) proof.files = r.uint()
    else if (key === 3) proof.bytes = r.uint()
    else return false
    return true
  })
  r.end()
  return {
    timeMs: need(r, proof.timeMs, 'time'),
    snapshot: need(r, proof.snapshot, 'snapshot'),
    files: need(r, proof.files, 'count of files'),
    bytes: need(r, proof.bytes, 'count of bytes'),
  }
}

/** The text of a note in the log. */
export function proofNote({ snapshot, files, bytes }: DrillProof): string {
  return `drill: snapshot ${snapshot}, ${files} files, ${bytes} bytes restored and compared`
}

/** The latest that any machine has noted: the time is that at which the store received the record. */
export function notedProof(records: readonly OpenedRecord[]): DrillProof | undefined {
  let latest: DrillProof | undefined
  for (const { body, receivedMs } of records) {
    if (body.action.kind !== 'note' || receivedMs < (latest?.timeMs ?? 0)) continue
    const match = NOTE.exec(body.action.text)
    if (match === null) continue
    const [, snapshot, files, bytes] = match as unknown as [string, string, string, string]
    latest = { timeMs: receivedMs, snapshot, files: Number(files), bytes: Number(bytes), by: body.by }
  }
  return latest
}

function stateName({ id, bundle }: LocalScope): string {
  return `${toHex(id)}.drill-${toHex(deriveKey('holdfast 1 drill', bundle.localKey).subarray(0, 4))}`
}
