// What must stay restorable: every snapshot among `snap/` and in the trash. What is forgotten or brought back while this looks
// is in one of three lists, or the log has grown (docs/format.md, 10, rule T3).
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { parseObjectName, PREFIXES, sessionEndName, sessionName } from '../../format/names.ts'
import { readSnapshotHead, verifySnapshot } from '../../format/snapshot.ts'
import { keyOfPlace, LogFacts } from '../../repo/history/log-facts.ts'
import { EXPLAINING_ROLES, listLog, readLog } from '../../repo/history/log.ts'
import { foreignOf } from '../../repo/keys/membership.ts'
import { unlessGone } from '../../repo/objects/gone-object.ts'
import { getNamedByHash } from '../../repo/objects/named-object.ts'
import type { Repository } from '../../repo/repository.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import type { ListedSnapshot, OpenedSnapshot } from '../../repo/history/snapshot-catalog.ts'
import { listTrash } from '../../repo/history/trash.ts'
import { listAll } from '../../store/store.ts'
import { unreadableSnapshots } from './damaged-roots.ts'

export interface Root extends OpenedSnapshot {
  /** False when its session neither ended nor is open: nobody was told that it is safe, and it may lack something. */
  readonly confirmed: boolean
  readonly inTrash: boolean
}

/** Snapshots opened at once. */
const READS = 8
/** How often the lists are read again because a snapshot went away while it was opened, or the log has grown. */
const ATTEMPTS = 10
/** How often a snapshot that seems damaged is read. */
const READ_ATTEMPTS = 3

export class Roots {
  readonly #repo: Repository
  /** By hash, hex: what was a root once stays one for this run. */
  readonly #opened = new Map<string, OpenedSnapshot>()
  /** Names of snapshots that are there and are no roots of ours. */
  readonly #others = new Set<string>()
  /** Of these the sessions, hex, where somebody has asked for them and they can be told. */
  readonly #sessionsOfOthers = new Map<string, string | undefined>()
  /** By name: what is the matter with them, and their sessions, hex, where these can be told. */
  readonly #unreadable = new Map<string, { readonly error: BackupError; readonly sid: string | undefined }>()

  /** Hashes of those that the last list had among the snapshots, hex. */
  #inPlace: ReadonlySet<string> = new Set()

  /** Hashes of all snapshots that the last list had, hex. */
  listed: ReadonlySet<string> = new Set()

  constructor(repo: Repository) {
    this.#repo = repo
  }

  /**
   * Every snapshot of the credential's domains. Throws where some cannot be read, and names them: what they need is not known, and
   * damage is not garbage. One that nobody was told is safe is passed over then.
   */
  async list(check: () => void): Promise<Root[]> {
    const present = await this.#listOpened(check)
    // After the snapshots: of each that is listed the session was declared before, unless it was fenced.
    const alive = await this.#sessionsAlive()
    const blocking: [string, BackupError][] = []
    for (const [name, { error, sid }] of this.#unreadable) {
      const parsed = parseObjectName(name)
      // The same bytes lie under another name, and are right there.
      const isElsewhere = parsed !== null && 'hash' in parsed && this.#opened.has(parsed.hash)
      const isUnconfirmed = sid !== undefined && !(await this.#isAlive(sid, alive))
      if (isElsewhere || isUnconfirmed || (await this.#isGivenUp(name))) this.#others.add(name)
      else blocking.push([name, error])
    }
    this.#unreadable.clear()
    if (blocking.length > 0) throw unreadableSnapshots(new Map(blocking.sort(([a], [b]) => (a < b ? -1 : 1))))
    const roots: Root[] = []
    for (const { snapshot, inTrash } of present.values()) {
      roots.push({ ...snapshot, inTrash, confirmed: await this.#isAlive(toHex(snapshot.sid), alive) })
    }
    return roots
  }

  /**
   * Whether a session ended or is open. Who cleared away its intent while it was listed put the end before that, which may be in
   * no list yet: what a list lacks is asked for by its name.
   */
  async #isAlive(sid: string, listed: ReadonlySet<string>): Promise<boolean> {
    if (listed.has(sid)) return true
    const { store } = this.#repo
    return (await store.stat(sessionName(sid))) !== null || (await store.stat(sessionEndName(sid))) !== null
  }

  /** Whether a session, hex, has a snapshot that is there and is no root of ours, as those of other domains are. */
  async isOfOthers(sid: string): Promise<boolean> {
    for (const name of this.#others) {
      if (!this.#sessionsOfOthers.has(name)) this.#sessionsOfOthers.set(name, await this.#sessionOf(name))
      if (this.#sessionsOfOthers.get(name) === sid) return true
    }
    return false
  }

  /**
   * Whether it lies in the trash because it could not be read, and somebody who may has said so; or no record speaks of this copy
   * nor of its snapshot: a part that somebody left with whom this credential has no domain in common. Not where a record says that
   * the snapshot is gone: who has put this copy may be about to say that it counts.
   */
  async #isGivenUp(name: string): Promise<boolean> {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'trash' || !(await this.#readsTheSame(name))) return false
    const { records, problems } = await readLog(this.#repo, { roles: EXPLAINING_ROLES })
    const facts = new LogFacts(records)
    const key = keyOfPlace(parsed.wid, parsed.seq, parsed.hash)
    if (problems.length === 0 && !facts.copiesOf(key).has(parsed.copy) && !facts.gone.has(key)) return true
    return !this.#inPlace.has(parsed.hash) && facts.givenUp.has(key)
  }

  /** Whether what is there is wrong, and not what comes from there, which is wrong in another way each time. */
  async #readsTheSame(name: string): Promise<boolean> {
    const { store } = this.#repo
    const bytes = await unlessGone(store, name, () => store.get(name))
    for (let read = 1; bytes !== undefined && read < READ_ATTEMPTS; read++) {
      const again = await unlessGone(store, name, () => store.get(name))
      if (again === undefined || !equalBytes(bytes, again)) return false
    }
    return bytes !== undefined
  }

  async #listOpened(check: () => void): Promise<Map<string, { snapshot: OpenedSnapshot; inTrash: boolean }>> {
    for (let attempt = 1; ; attempt++) {
      const records = new Set((await listLog(this.#repo)).map(({ objectName }) => objectName))
      const before = await listTrash(this.#repo)
      const snapshots = await this.#repo.catalog.list()
      const after = await listTrash(this.#repo)
      // What was forgotten, brought back and purged while this looked may be in no list.
      const isGrown = (await listLog(this.#repo)).some(({ objectName }) => !records.has(objectName))
      const inPlace = new Set(snapshots.map(({ id }) => id))
      this.#inPlace = inPlace
      const all = new Map([...before, ...after, ...snapshots].map((each) => [each.objectName, each]))
      this.listed = new Set([...all.values()].map(({ id }) => id))
      if (!isGrown && (await this.#openAll([...all.values()], check))) {
        const present = new Map<string, { snapshot: OpenedSnapshot; inTrash: boolean }>()
        for (const { id } of all.values()) {
          const snapshot = this.#opened.get(id)
          if (snapshot !== undefined) present.set(id, { snapshot, inTrash: !inPlace.has(id) })
        }
        return present
      }
      if (attempt < ATTEMPTS) continue
      throw new BackupError(
        'io',
        'snapshots and records come and go faster than they can be read',
        this.#repo.store.location,
        {
          hint: 'try again later',
        },
      )
    }
  }

  /** False when one went away meanwhile: it may be in a list that was read too early. */
  async #openAll(listed: readonly ListedSnapshot[], check: () => void): Promise<boolean> {
    const unread = listed.filter(({ id, objectName }) => !this.#opened.has(id) && !this.#others.has(objectName))
    let complete = true
    for (let at = 0; at < unread.length; at += READS) {
      check()
      const some = unread.slice(at, at + READS)
      const opened = await Promise.all(some.map((each) => this.#open(each)))
      for (const snapshot of opened) {
        if (snapshot === undefined) complete = false // gone
        else if (snapshot !== 'other') this.#opened.set(snapshot.id, snapshot)
      }
    }
    return complete
  }

  async #open(listed: ListedSnapshot): Promise<OpenedSnapshot | 'other' | undefined> {
    try {
      return await this.#openPatiently(listed)
    } catch (error) {
      if (foreignOf(error) !== undefined || isNotPermitted(error)) {
        this.#others.add(listed.objectName)
        return 'other'
      }
      if (!(error instanceof BackupError)) throw error
      // Somebody may have purged it since, and cleared away the keys of its session.
      if ((await this.#repo.store.stat(listed.objectName)) === null) return undefined
      this.#unreadable.set(listed.objectName, { error, sid: await this.#sessionOf(listed.objectName) })
      return 'other'
    }
  }

  /** A bit that is wrong on the way is wrong once. */
  async #openPatiently(listed: ListedSnapshot): Promise<OpenedSnapshot | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#repo.catalog.open(listed)
      } catch (error) {
        if (attempt === READ_ATTEMPTS || codeOf(error) !== 'corrupt' || foreignOf(error) !== undefined) throw error
      }
    }
  }

  /** Where the snapshot as such is sound: its writer vouches for it. */
  async #sessionOf(name: string): Promise<string | undefined> {
    try {
      const { id: repoId, writers, store } = this.#repo
      const bytes = await getNamedByHash(store, name)
      const { wid } = readSnapshotHead(bytes, name, repoId)
      const publicKey = await writers.publicKey(wid, 'snapshot', name)
      return toHex(verifySnapshot(bytes, name, { publicKey, repoId }).sid)
    } catch (error) {
      if (error instanceof BackupError && error.code !== 'unreachable' && error.code !== 'io') return undefined
      throw error
    }
  }

  async #sessionsAlive(): Promise<Set<string>> {
    const alive = new Set<string>()
    for await (const { name } of listAll(this.#repo.store, PREFIXES.sessions)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind === 'session' || parsed?.kind === 'session-end') alive.add(parsed.sid)
    }
    return alive
  }
}
