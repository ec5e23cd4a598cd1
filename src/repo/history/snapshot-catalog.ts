// The snapshots of a repository: listed, checked against their writers' keys, opened, and found by what a person types.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { timespecToMs } from '../../base/time.ts'
import type { Sealer } from '../../crypto/seal.ts'
import type { Domain } from '../../format/bundle.ts'
import { decodeSnapshot, readSnapshotHead, verifySnapshot } from '../../format/snapshot.ts'
import type { SnapshotBody, WriterHead } from '../../format/snapshot.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import { unlessGone } from '../objects/gone-object.ts'
import { checkMember, ForeignObject, foreignOf } from '../keys/membership.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import { isOfOneObject } from '../objects/object-problem.ts'
import type { HistorySource } from './history-source.ts'
import type { ListedLink } from './listed-link.ts'
import { revocationOf } from '../writers/revocations.ts'
import type { Revocation } from '../writers/revocations.ts'
import { isNotPermitted } from '../roles.ts'

export interface SnapshotInfo {
  /** Hash of the object, hex: what a person types the first digits of. */
  readonly id: string
  readonly objectName: string
  /** Hex. */
  readonly wid: string
  readonly seq: number
  /** Hash of the writer's snapshot before, hex; undefined for the first. */
  readonly previous: string | undefined
  readonly sid: Uint8Array
  readonly body: SnapshotBody
  /** Bytes of the object, and when the store received it, in milliseconds since 1970 by its clock. */
  readonly storedSize: number
  readonly receivedMs: number
  /** False when its session neither ended nor is open: it may have been cut off before it was confirmed. */
  readonly confirmed: boolean
  /** By which it does not count any more. */
  readonly revoked?: Revocation
}

/** A snapshot by itself, whatever became of its session and its writer. */
export type OpenedSnapshot = Omit<SnapshotInfo, 'confirmed' | 'revoked'>

export type ListedSnapshot = ListedLink

export interface ReadableSnapshots {
  readonly snapshots: SnapshotInfo[]
  readonly problems: readonly BackupError[]
  /** How many were left out because their writers are revoked. */
  readonly hidden: number
}

/** Snapshots opened at once. */
const READS = 8
/** Digits of an id that a person has to type at least. */
const PREFIX_MIN = 4

export class SnapshotCatalog {
  /** Whether snapshots that do not count are listed and found all the same: for who looks into them. */
  showsRevoked = false
  readonly #repo: HistorySource
  readonly #opened = new Map<string, Promise<OpenedSnapshot>>()

  constructor(repo: HistorySource) {
    this.#repo = repo
  }

  /** Names, sizes and times of all snapshots in order of name: by writer, each one's oldest first. */
  async list(): Promise<ListedSnapshot[]> {
    const listed: ListedSnapshot[] = []
    for await (const { name, size, receivedMs } of listAll(this.#repo.store, PREFIXES.snapshots)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'snapshot') continue
      const { hash: id, wid, seq } = parsed
      listed.push({ objectName: name, id, wid, seq, storedSize: size, receivedMs })
    }
    return listed
  }

  /**
   * All snapshots of the credential's domains, oldest first by the time they began, those of revoked writers among them.
   * Throws at the first that is damaged; see `check`. One whose writer may not make any is none, here and in `find`.
   */
  async all(): Promise<SnapshotInfo[]> {
    return inOrder(await this.#openAll(await this.list()))
  }

  /** The snapshots that count and can be read, oldest first, and what is the matter with each of the others. */
  readable(): Promise<ReadableSnapshots> {
    return this.#readable(this.showsRevoked)
  }

  /** What does not count is left out by its name: it must not stand in the way by being damaged. */
  async #readable(withRevoked: boolean): Promise<ReadableSnapshots> {
    const listed = await this.list()
    const revoked = await this.#repo.trust.revoked()
    const shown = withRevoked ? listed : listed.filter((each) => revocationOf(each, revoked) === undefined)
    const problems: BackupError[] = []
    const opened = await this.#openAll(shown, (problem) => problems.push(problem))
    return { snapshots: inOrder(opened), problems, hidden: listed.length - shown.length }
  }

  /** `latest`, a whole id, or the first digits of one. `not-found` or, where several fit, `usage`. */
  async find(spec: string): Promise<SnapshotInfo> {
    if (spec === 'latest') {
      const { snapshots, problems } = await this.#readable(false)
      const problem = problems.find((one) => !isNotPermitted(one))
      if (problem !== undefined) {
        const what = 'which snapshot is the latest cannot be told, because one cannot be read'
        const hint = 'name one by its id: `holdfast snapshots` lists those that can be read'
        throw new BackupError(problem.code, what, problem.subject, { cause: problem, hint })
      }
      const newest = snapshots.at(-1)
      if (newest !== undefined) return newest
      throw new BackupError('not-found', 'the repository has no snapshots yet', this.#repo.store.location, {
        hint: 'make one with `holdfast backup DIR`',
      })
    }
    if (!/^[0-9a-f]+$/.test(spec) || spec.length < PREFIX_MIN) {
      const what = `not a snapshot: write \`latest\` or the beginning of an id, ${PREFIX_MIN} digits at least`
      throw new BackupError('usage', what, spec, { hint: 'list the snapshots with `holdfast snapshots`' })
    }
    const fitting = (await this.list()).filter(({ id }) => id.startsWith(spec))
    const [single] = fitting
    if (single !== undefined && fitting.length === 1) {
      const revoked = revocationOf(single, await this.#repo.trust.revoked())
      if (revoked !== undefined && !this.showsRevoked) throw revokedError(revoked, single.objectName)
      const [found] = await this.#openAll([single])
      if (found !== undefined) return found
      const foreign = await this.open(single).then(() => undefined, foreignOf)
      if (foreign !== undefined) throw foreign
    }
    throw fitting.length < 2
      ? new BackupError('not-found', 'no snapshot has this id', spec, { hint: await this.#whereElse(spec) })
      : new BackupError('usage', `${fitting.length} snapshots begin with this`, spec, { hint: 'write more digits' })
  }

  async #whereElse(spec: string): Promise<string> {
    for await (const { name } of listAll(this.#repo.store, PREFIXES.trash)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'trash' || !parsed.hash.startsWith(spec)) continue
      return `it was forgotten, and is still in the trash: bring it back with \`holdfast trash recall ${spec}\``
    }
    return 'list the snapshots with `holdfast snapshots`'
  }

  /** The newest sound snapshot of every writer but one: a name alone is no proof that there ever was such a snapshot. */
  async heads(except: Uint8Array): Promise<WriterHead[]> {
    const { store, writers, id: repoId } = this.#repo
    const heads = new Map([[toHex(except), undefined as WriterHead | undefined]])
    for (const { objectName, wid: hex, seq, id } of (await this.list()).toSorted((a, b) => b.seq - a.seq)) {
      if (heads.has(hex)) continue
      const wid = fromHex(hex)!
      try {
        const publicKey = await writers.publicKey(wid, 'snapshot', objectName)
        const head = verifySnapshot(await getNamedByHash(store, objectName), objectName, { publicKey, repoId })
        if (head.seq === seq) heads.set(hex, { wid, seq, hash: fromHex(id)! })
      } catch (error) {
        if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
      }
    }
    return [...heads.values()].filter((head) => head !== undefined)
  }

  /** Without `onProblem` the first damaged one throws. */
  async #openAll(
    listed: readonly ListedSnapshot[],
    onProblem?: (problem: BackupError) => void,
  ): Promise<SnapshotInfo[]> {
    const { ended, open } = await this.#sessions()
    const revocations = await this.#repo.trust.revoked()
    const infos: SnapshotInfo[] = []
    for (let at = 0; at < listed.length; at += READS) {
      const opening = listed.slice(at, at + READS).map((snapshot) => this.open(snapshot))
      const opened = await Promise.all(opening.map((each) => each.catch((error) => passOver(error, onProblem))))
      for (const info of opened) {
        if (info === undefined) continue // damaged, or forgotten since it was listed
        const sid = toHex(info.sid)
        const revoked = revocationOf(info, revocations)
        infos.push({ ...info, confirmed: ended.has(sid) || open.has(sid), ...(revoked !== undefined && { revoked }) })
      }
    }
    return infos
  }

  /**
   * Reads a snapshot of any domain of the credential and checks it. Throws when it is damaged or not for this credential;
   * undefined when it is gone.
   */
  open(listed: ListedSnapshot): Promise<OpenedSnapshot | undefined> {
    return unlessGone(this.#repo.store, listed.objectName, () => this.#opening(listed))
  }

  #opening(listed: ListedSnapshot): Promise<OpenedSnapshot> {
    let opened = this.#opened.get(listed.objectName)
    if (opened === undefined) {
      opened = this.#read(listed)
      this.#opened.set(listed.objectName, opened)
      opened.catch(() => this.#opened.delete(listed.objectName))
    }
    return opened
  }

  #read(listed: ListedSnapshot): Promise<OpenedSnapshot> {
    const { objectName, id, wid, seq, storedSize, receivedMs } = listed
    return doing('reading a snapshot', objectName, async () => {
      const bytes = await getNamedByHash(this.#repo.store, objectName)
      // Before its writer is asked for: a snapshot of another repository has a writer nobody knows here, which says less.
      const head = readSnapshotHead(bytes, objectName, this.#repo.id)
      const writer = await this.#repo.writers.writer(fromHex(wid)!, 'snapshot', objectName)
      const { publicKey } = writer
      const { sealer, domain } = await snapshotSealer(this.#repo, head.sid, writer, objectName)
      const { head: clear, body } = decodeSnapshot(bytes, objectName, { repoId: this.#repo.id, publicKey, sealer })
      checkDomain(body, domain.id, objectName)
      checkMember(writer, domain.id, objectName)
      if (clear.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
      const previous = seq === 1 ? undefined : toHex(clear.previous)
      return { id, objectName, wid, seq, previous, sid: clear.sid, body, storedSize, receivedMs }
    })
  }

  async #sessions(): Promise<{ ended: Set<string>; open: Set<string> }> {
    const ended = new Set<string>()
    const open = new Set<string>()
    for await (const { name } of listAll(this.#repo.store, PREFIXES.sessions)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind === 'session') open.add(parsed.sid)
      if (parsed?.kind === 'session-end') ended.add(parsed.sid)
    }
    return { ended, open }
  }
}

/**
 * What opens the snapshot of a session of any domain of the credential, and that domain. Throws what `SessionKeyRing.sealer`
 * throws; `ForeignObject` also when the session's keys are lost and its writer is of no domain of the credential.
 */
export async function snapshotSealer(
  repo: HistorySource,
  sid: Uint8Array,
  { domainIds }: Pick<WriterCertificate, 'domainIds'>,
  objectName: string,
): Promise<{ readonly sealer: Sealer; readonly domain: Domain }> {
  const { domain } = repo
  const shared = repo.inDomains.some((own) => domainIds.some((id) => equalBytes(id, own.domain.id)))
  if (!shared) throw new ForeignObject(objectName)
  try {
    return { sealer: await repo.sessionKeys.sealer(sid, 'meta'), domain }
  } catch (error) {
    const id = foreignOf(error)?.domainId
    const own = id && repo.inDomains.find((each) => equalBytes(each.domain.id, id))
    if (own === undefined) throw error
    return { sealer: await own.sessionKeys.sealer(sid, 'meta'), domain: own.domain }
  }
}

/** A snapshot belongs to the domain of its session, and says so. */
export function checkDomain({ domainId }: SnapshotBody, id: Uint8Array, objectName: string): void {
  if (equalBytes(domainId, id)) return
  throw new BackupError('corrupt', 'it says that it belongs to another domain than its session', objectName)
}

function revokedError({ record }: Revocation, objectName: string): BackupError {
  const { by, time, action } = record.body
  const when = new Date(timespecToMs(time)).toISOString().slice(0, 10)
  const reason = 'reason' in action && action.reason !== undefined ? ` (${action.reason})` : ''
  return new BackupError(
    'refused',
    `its writer was revoked by ${by} on ${when}${reason}: it does not count`,
    objectName,
    {
      hint: 'to look into it all the same, use --include-revoked; what is in it may not be what was on the machine',
    },
  )
}

function inOrder(snapshots: readonly SnapshotInfo[]): SnapshotInfo[] {
  return snapshots.toSorted((a, b) => timespecToMs(a.body.started) - timespecToMs(b.body.started) || a.seq - b.seq)
}

/** Tells of what is the matter with one snapshot alone, unless it is of another domain; throws everything else. */
function passOver(error: unknown, onProblem: ((problem: BackupError) => void) | undefined): undefined {
  if (foreignOf(error) !== undefined) return
  if (onProblem === undefined && isNotPermitted(error)) return
  // One that is gone is no damage of it.
  if (onProblem === undefined || !isOfOneObject(error) || error.code === 'not-found') throw error
  onProblem(error)
}
