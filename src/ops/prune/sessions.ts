// The sessions of a domain, as far as a pruner has to know them: which may still rely on what they found before a plan was put.
//
// A session is over for a pruner when it has ended, and also when its snapshot is there: everything that the snapshot needs is
// found by the walk that comes after, and nothing else comes from this session.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { parseObjectName, PREFIXES, sessionEndName, sessionName, heartbeatName } from '../../format/names.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { decodeSessionIntent, decodeSessionMark } from '../../format/session.ts'
import { readSignerId } from '../../format/signed-object.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import { unlessGone } from '../../repo/objects/gone-object.ts'
import { foreignOf, openInDomain } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { listAll } from '../../store/store.ts'
import type { Root } from './roots.ts'

export interface Session {
  /** Hex. */
  readonly sid: string
  /** `unsound` when its intent is not what a writer of this repository has put; `gone` when it went away since it was listed. */
  readonly state: 'open' | 'ended' | 'committed' | 'unsound' | 'gone'
  readonly host: string
  /** When it began, as it says itself, in milliseconds since 1970. */
  readonly startedMs: number
  /** Number of its newest heartbeat; -1 when there is none. */
  readonly beat: number
}

/** What the names below `sess/` tell of one session. */
export interface SessionNames {
  hasIntent: boolean
  hasEnd: boolean
  /** Numbers of its heartbeats. */
  readonly beats: number[]
}

const NOBODY = new Uint8Array(0)
/** How often an intent is read until it is sound. */
const ATTEMPTS = 3
/** Newest heartbeats of a session that are looked at one by one: some may be damaged, and others may have put theirs. */
const BEATS_TRIED = 4

export async function listSessionNames({ store }: Repository): Promise<Map<string, SessionNames>> {
  const found = new Map<string, SessionNames>()
  for await (const { name } of listAll(store, PREFIXES.sessions)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'session' && parsed?.kind !== 'session-end' && parsed?.kind !== 'heartbeat') continue
    let names = found.get(parsed.sid)
    if (names === undefined) found.set(parsed.sid, (names = { hasIntent: false, hasEnd: false, beats: [] }))
    if (parsed.kind === 'session') names.hasIntent = true
    else if (parsed.kind === 'session-end') names.hasEnd = true
    else names.beats.push(parsed.number)
  }
  return found
}

/** Reads the intents of sessions that are of this domain; those of other domains rely on nothing that is ours. */
export class SessionReader {
  readonly #repo: Repository
  readonly #intents = new Map<string, Promise<Intent | 'foreign' | 'gone'>>()

  constructor(repo: Repository) {
    this.#repo = repo
  }

  /** All sessions of this domain whose intents are there. `roots` are snapshots that were listed after this began. */
  async sessions(names: ReadonlyMap<string, SessionNames>, roots: readonly Root[]): Promise<Session[]> {
    const snapshots = Map.groupBy(roots, ({ sid }) => toHex(sid))
    const sessions: Session[] = []
    for (const [sid, { hasIntent, hasEnd, beats }] of names) {
      if (!hasIntent) continue
      const intent = await this.#intent(sid)
      if (intent === 'foreign') continue
      if (intent === 'gone') {
        sessions.push({ sid, state: 'gone', host: 'unknown', startedMs: 0, beat: -1 })
        continue
      }
      const { wid, host, startedMs } = intent
      let state: Session['state'] = wid === undefined && !intent.isNewer ? 'unsound' : 'open'
      // One that cannot be read was not put by somebody else in the place of an open one: it confirms the snapshot.
      const own = snapshots.get(sid) ?? []
      if (state === 'unsound' ? own.length > 0 : own.some((root) => root.wid === toHex(wid ?? NOBODY))) {
        state = 'committed'
      }
      // Anybody who may put into the store could say of a session that it is over, if its writer had not to sign that.
      const signer = state === 'committed' && wid === undefined ? await this.#writerOf(own) : intent
      if (hasEnd && (await this.#isOwnMark(sessionEndName(sid), signer))) state = 'ended'
      sessions.push({ sid, state, host, startedMs, beat: await this.#newestBeat(sid, beats, intent) })
    }
    return sessions
  }

  #intent(sid: string): Promise<Intent | 'foreign' | 'gone'> {
    let known = this.#intents.get(sid)
    if (known === undefined) {
      known = this.#readIntent(sid)
      this.#intents.set(sid, known)
      known.catch(() => this.#intents.delete(sid))
    }
    return known
  }

  /** A wrong bit on the way must fence nobody. */
  async #readIntent(sid: string): Promise<Intent | 'foreign' | 'gone'> {
    for (let attempt = 1; ; attempt++) {
      const intent = await this.#readIntentOnce(sid)
      if (attempt === ATTEMPTS || intent === 'foreign' || intent === 'gone' || intent.wid !== undefined) return intent
    }
  }

  async #readIntentOnce(sid: string): Promise<Intent | 'foreign' | 'gone'> {
    const name = sessionName(sid)
    try {
      const found = await unlessGone(this.#repo.store, name, async () => {
        const bytes = await this.#repo.store.get(name)
        const writer = await this.#writer(readSignerId(OBJECT_TYPES.sessionIntent, bytes, name), name)
        const intent = openInDomain(this.#repo, writer, name, (keys) => decodeSessionIntent(bytes, name, keys))
        if (toHex(intent.sid) !== sid) throw new BackupError('corrupt', 'this is the intent of another session', name)
        const { host, started } = intent
        return { wid: writer.wid, publicKey: writer.publicKey, host, startedMs: started.sec * 1000 }
      })
      return found ?? 'gone'
    } catch (error) {
      if (foreignOf(error) !== undefined) return 'foreign'
      if (!(error instanceof BackupError) || !UNSOUND.has(error.code)) throw error
      // Something newer than this program may have put it.
      const isNewer = error.code === 'unsupported'
      return { wid: undefined, publicKey: undefined, isNewer, host: 'unknown', startedMs: 0 }
    }
  }

  /**
   * Who signs the end of a session whose intent does not tell: it comes when the snapshot is confirmed, so nobody asks for the
   * intent any more. Where several say that the session is theirs it is left as it is.
   */
  async #writerOf(snapshots: readonly Root[]): Promise<Signer> {
    const [one, ...others] = new Map(snapshots.map((root) => [root.wid, root])).values()
    if (one === undefined || others.length > 0) return { wid: undefined, publicKey: undefined }
    const wid = fromHex(one.wid)!
    return { wid, publicKey: await this.#repo.writers.publicKey(wid, 'snapshot', one.objectName) }
  }

  #writer(wid: Uint8Array, name: string): Promise<WriterCertificate> {
    return this.#repo.writers.writer(wid, 'store', name)
  }

  async #newestBeat(sid: string, beats: readonly number[], intent: Intent): Promise<number> {
    const ascending = beats.toSorted((a, b) => a - b)
    const isOwn = (number: number) => this.#isOwnMark(heartbeatName(sid, number), intent)
    for (const number of ascending.slice(-BEATS_TRIED).toReversed()) if (await isOwn(number)) return number
    // Others can put theirs behind those that it has put itself, not among them: each name is given once.
    let [low, high] = [0, Math.max(0, ascending.length - BEATS_TRIED)]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (await isOwn(ascending[middle]!)) low = middle + 1
      else high = middle
    }
    return ascending[low - 1] ?? -1
  }

  /** Whether the session's own writer has signed it. */
  async #isOwnMark(name: string, { wid, publicKey }: Signer): Promise<boolean> {
    if (wid === undefined) return false
    try {
      const bytes = await unlessGone(this.#repo.store, name, () => this.#repo.store.get(name))
      if (bytes === undefined) return false
      const mark = decodeSessionMark(bytes, name, { publicKey })
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'heartbeat' && parsed?.kind !== 'session-end') return false
      const number = parsed.kind === 'heartbeat' ? parsed.number : 'end'
      return equalBytes(mark.wid, wid) && toHex(mark.sid) === parsed.sid && mark.number === number
    } catch (error) {
      if (error instanceof BackupError && UNSOUND.has(error.code)) return false
      throw error
    }
  }
}

/** Without a wid it is none of a writer of this repository. */
type Intent = { readonly host: string; readonly startedMs: number } & (
  | { readonly wid: Uint8Array; readonly publicKey: Uint8Array }
  | { readonly wid: undefined; readonly publicKey: undefined; readonly isNewer: boolean }
)

type Signer =
  | { readonly wid: Uint8Array; readonly publicKey: Uint8Array }
  | { readonly wid: undefined; readonly publicKey: undefined }

const UNSOUND: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'unsupported', 'limit'])
