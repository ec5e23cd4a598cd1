// What belongs to one domain of a repository and nobody else (docs/format.md, 3.1), each object proved by itself: a name in
// somebody's index is no proof, and what is deleted by mistake is gone.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { decodeSessionIntent } from '../../format/session.ts'
import { decodeSessionKeys, readSessionKeys } from '../../format/session-keys.ts'
import { readSignerId } from '../../format/signed-object.ts'
import { verifySnapshot } from '../../format/snapshot.ts'
import { readPlans } from '../../repo/packs/condemned.ts'
import { checkMember, foreignOf, openInDomain } from '../../repo/keys/membership.ts'
import { listPacks } from '../../repo/index/missing-packs.ts'
import { getNamedByHash } from '../../repo/objects/named-object.ts'
import { isOfOneObject } from '../../repo/objects/object-problem.ts'
import type { Repository } from '../../repo/repository.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import type { ListedSnapshot } from '../../repo/history/snapshot-catalog.ts'
import { listTrash } from '../../repo/history/trash.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'
import { listAll } from '../../store/store.ts'

export interface DomainContent {
  /** Copies in the trash too, which say so by their names. */
  readonly snapshots: readonly ListedSnapshot[]
  /** Names of intents and marks of sessions. */
  readonly sessions: readonly string[]
  readonly sessionKeys: readonly string[]
  readonly packs: readonly string[]
  readonly segments: readonly string[]
  readonly plans: readonly string[]
  /** Of packs. */
  readonly bytes: number
  /** Objects that may be of the domain and cannot be told from damaged ones of another. */
  readonly unclear: readonly string[]
}

/** `repo` is in the domain. Throws what the store throws. */
export async function contentOfDomain(repo: Repository): Promise<DomainContent> {
  const unclear: string[] = []
  const keys = await sessionKeysOf(repo, unclear)
  const sids = new Set([...keys.keys(), ...(await intentsOf(repo, unclear))])
  const listed = [...(await repo.catalog.list()), ...(await listTrash(repo))]
  const snapshots: ListedSnapshot[] = []
  for (const each of listed) if (await isOfSessions(repo, each, keys, unclear)) snapshots.push(each)
  const sessions: string[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.sessions)) {
    const parsed = parseObjectName(name)
    if (parsed !== null && 'sid' in parsed && sids.has(parsed.sid)) sessions.push(name)
  }
  const segments: string[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.index)) {
    if (parseObjectName(name)?.kind !== 'index') continue
    if (await isOwn(name, unclear, () => repo.readSegment(name))) segments.push(name)
  }
  const packs: string[] = []
  let bytes = 0
  for (const { objectName, size } of await packsOf(repo, unclear)) {
    packs.push(objectName)
    bytes += size
  }
  const plans = (await readPlans(repo)).map(({ name }) => name)
  return {
    snapshots,
    sessions,
    sessionKeys: [...keys.values()].map(({ name }) => name),
    packs,
    segments,
    plans,
    bytes,
    unclear,
  }
}

interface FoundKeys {
  readonly name: string
  readonly wid: Uint8Array
}

/** By session id, hex. */
async function sessionKeysOf(repo: Repository, unclear: string[]): Promise<Map<string, FoundKeys>> {
  const found = new Map<string, FoundKeys>()
  for await (const { name } of listAll(repo.store, PREFIXES.sessionKeys)) {
    if (parseObjectName(name)?.kind !== 'session-keys') continue
    try {
      await patiently(async () => {
        const bytes = await repo.store.get(name)
        const writer = await repo.writers.writer(readSessionKeys(bytes, name).wid, 'store', name)
        const { sid, domainId, wid } = decodeSessionKeys(bytes, name, writer)
        if (!equalBytes(domainId, repo.domain.id)) return
        checkMember(writer, domainId, name)
        if (name.endsWith(toHex(sid))) found.set(toHex(sid), { name, wid })
      })
    } catch (error) {
      if (!isOfOneObject(error)) throw error
      unclear.push(name)
    }
  }
  return found
}

/** Ids, hex, of the sessions whose intents open. */
async function intentsOf(repo: Repository, unclear: string[]): Promise<string[]> {
  const sids: string[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.sessions)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'session') continue
    const opens = await isOwn(name, unclear, async () => {
      const bytes = await repo.store.get(name)
      const writer = await repo.writers.writer(readSignerId(OBJECT_TYPES.sessionIntent, bytes, name), 'store', name)
      const { intent } = openInDomain(repo, writer, name, (using) => ({
        intent: decodeSessionIntent(bytes, name, using),
      }))
      if (toHex(intent.sid) !== parsed.sid) throw new BackupError('corrupt', 'the intent of another session', name)
    })
    if (opens) sids.push(parsed.sid)
  }
  return sids
}

async function isOfSessions(
  repo: Repository,
  { objectName, wid }: ListedSnapshot,
  keys: ReadonlyMap<string, FoundKeys>,
  unclear: string[],
): Promise<boolean> {
  try {
    const bytes = await patiently(() => getNamedByHash(repo.store, objectName))
    const publicKey = await repo.writers.publicKey(fromHex(wid)!, 'snapshot', objectName)
    const head = verifySnapshot(bytes, objectName, { publicKey, repoId: repo.id })
    const own = keys.get(toHex(head.sid))
    return own !== undefined && equalBytes(own.wid, head.wid)
  } catch (error) {
    if (!isOfOneObject(error)) throw error
    unclear.push(objectName)
    return false
  }
}

/** Packs that open with the keys of the domain. Of those that open with none, the damaged ones are unclear. */
async function packsOf(repo: Repository, unclear: string[]): Promise<{ objectName: string; size: number }[]> {
  const { store } = repo
  const own: { objectName: string; size: number }[] = []
  const closed = await listPacks(store)
  for (const domain of [repo, ...repo.inDomains.filter((each) => each !== repo)]) {
    for (let attempt = 0; attempt < READS && closed.size > 0; attempt++) {
      for await (const { objectName, size } of readDirectories(store, domain.indexSealer, [...closed])) {
        closed.delete(objectName)
        if (domain === repo) own.push({ objectName, size })
      }
    }
  }
  for (const name of closed.keys()) {
    try {
      // One that is whole is of a domain that this key does not have.
      await patiently(() => getNamedByHash(store, name))
    } catch (error) {
      if (!isOfOneObject(error)) throw error
      unclear.push(name)
    }
  }
  return own
}

/** Whether something of the domain can be read; what is damaged is unclear. */
async function isOwn(name: string, unclear: string[], read: () => Promise<unknown>): Promise<boolean> {
  try {
    await patiently(read)
    return true
  } catch (error) {
    if (!isOfOneObject(error)) throw error
    if (foreignOf(error) === undefined && !isNotPermitted(error)) unclear.push(name)
    return false
  }
}

/** How often something that seems damaged is read: a bit that is wrong on the way must leave nothing behind. */
const READS = 3

async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      const isFinal = foreignOf(error) !== undefined || isNotPermitted(error)
      if (attempt === READS || isFinal || codeOf(error) !== 'corrupt') throw error
    }
  }
}
