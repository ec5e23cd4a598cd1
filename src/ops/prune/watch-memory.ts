// What a pruner remembers of its looks at sessions, on its own disk: since when each has shown no sign of life, and for which
// sessions each plan waits. Losing it costs time alone: everything is watched anew.
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import { deriveKey } from '../../crypto/hash.ts'
import { need, readList, readTuple, writeList } from '../../format/fields.ts'
import { ID_SIZE } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../../repo/local-state.ts'
import type { Repository } from '../../repo/repository.ts'

export interface WatchedSession {
  /** Number of the newest heartbeat when it was looked at last; -1 for none. */
  readonly beat: number
  /** How long it has been silent while somebody watched, in milliseconds. */
  readonly silentMs: number
  /** When it was looked at last, in milliseconds since 1970 by this machine's clock. */
  readonly lookedMs: number
}

export interface WatchMemory {
  /** By session id, hex. */
  readonly sessions: ReadonlyMap<string, WatchedSession>
  /** Ids of the sessions for which a plan has to wait, hex, by its id. */
  readonly plans: ReadonlyMap<string, readonly string[]>
}

const VERSION = 1
const SESSIONS_MAX = 65_536
const PLANS_MAX = 4096
const SIZE_MAX = 64 * 1024 * 1024
const CONTEXT = utf8('prune watch')
const NOTHING: WatchMemory = { sessions: new Map(), plans: new Map() }

export async function readWatch(repo: Repository, state: LocalState): Promise<WatchMemory> {
  const name = watchName(repo)
  const kept = await state.read(name)
  if (kept === null || kept.length > SIZE_MAX) return NOTHING
  try {
    return decode(repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name), name)
  } catch (error) {
    if (error instanceof BackupError && (error.code === 'corrupt' || error.code === 'unsupported')) return NOTHING
    throw error
  }
}

export async function writeWatch(repo: Repository, state: LocalState, watch: WatchMemory): Promise<void> {
  const sealer = repo.keySealerOf(repo.bundle.localKey)
  await state.write(watchName(repo), sealer.seal(SEALED_TYPES.localState, CONTEXT, encode(watch)))
}

/** One for each domain, and for each credential that this machine uses. */
function watchName({ id, domain, bundle }: Repository): string {
  const label = toHex(deriveKey('holdfast 1 prune watch', bundle.localKey).subarray(0, 4))
  return `${toHex(id)}.prune-${toHex(domain.id)}-${label}`
}

function encode({ sessions, plans }: WatchMemory): Uint8Array {
  const w = new CborWriter(1024).openMap()
  w.key(0).uint(VERSION)
  writeList(w.key(1), [...sessions].slice(0, SESSIONS_MAX), ([sid, { beat, silentMs, lookedMs }]) =>
    w
      .array(4)
      .bytes(fromHex(sid)!)
      .uint(beat + 1)
      .uint(Math.floor(silentMs))
      .uint(Math.max(0, Math.floor(lookedMs))),
  )
  // A plan that is not remembered waits for all sessions that there are; one that forgot some would not wait for them.
  const kept = [...plans].filter(([, sids]) => sids.length <= SESSIONS_MAX).slice(0, PLANS_MAX)
  writeList(w.key(2), kept, ([pid, sids]) => {
    w.array(2).bytes(fromHex(pid)!)
    writeList(w, sids, (sid) => w.bytes(fromHex(sid)!))
  })
  return w.closeMap().finish()
}

function decode(bytes: Uint8Array, subject: string): WatchMemory {
  const r = new CborReader(bytes, subject)
  let version: number | undefined
  let sessions: Map<string, WatchedSession> | undefined
  let plans: Map<string, readonly string[]> | undefined
  r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) sessions = new Map(readList(r, SESSIONS_MAX, () => readTuple(r, 4, () => readSession(r))))
    else if (key === 2) plans = new Map(readList(r, PLANS_MAX, () => readTuple(r, 2, () => readPlan(r))))
    else return false
    return true
  })
  r.end()
  if (version !== VERSION) throw new BackupError('unsupported', `what was watched has version ${version}`, subject)
  return { sessions: need(r, sessions, 'sessions'), plans: need(r, plans, 'plans') }
}

function readSession(r: CborReader): readonly [string, WatchedSession] {
  const sid = toHex(r.fixed(ID_SIZE))
  const beat = r.uint() - 1
  return [sid, { beat, silentMs: r.uint(), lookedMs: r.uint() }]
}

function readPlan(r: CborReader): readonly [string, readonly string[]] {
  return [toHex(r.fixed(ID_SIZE)), readList(r, SESSIONS_MAX, () => toHex(r.fixed(ID_SIZE)))]
}
