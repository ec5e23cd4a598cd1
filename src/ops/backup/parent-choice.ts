// Which snapshot a backup is compared with, to know what has not changed.
import { equalBytes, fromHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { foreignOf } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { revocationOf } from '../../repo/writers/revocations.ts'
import type { ListedSnapshot, OpenedSnapshot } from '../../repo/history/snapshot-catalog.ts'

export interface ParentQuery {
  /** What the operator asked for; null for none, undefined for the default. */
  readonly spec: string | null | undefined
  /** This machine's writer, hex. */
  readonly wid: string
  readonly host: string
  readonly paths: readonly Uint8Array[]
}

export interface ParentChoice {
  readonly snapshot: OpenedSnapshot | undefined
  /** Snapshots that could not be read on the way: a bad one must not stand in the way of new ones. */
  readonly unreadable: readonly BackupError[]
}

/** Snapshots opened at once, after the first: that one nearly always fits. */
const READS = 8

/**
 * The newest snapshot of the same host and sources, this writer's own before those of others. What a parent has is taken for
 * what the files have, so of others only administrators count, who could do this machine any harm as it is: it is one of
 * theirs that a machine finds which has lost its state.
 */
export async function chooseParent(repo: Repository, query: ParentQuery): Promise<ParentChoice> {
  const unreadable: BackupError[] = []
  if (query.spec === null) return { snapshot: undefined, unreadable }
  if (query.spec !== undefined) return { snapshot: ofDomain(repo, await repo.findSnapshot(query.spec)), unreadable }
  const revoked = await repo.trust.revoked()
  const counting = (await repo.catalog.list()).filter((listed) => revocationOf(listed, revoked) === undefined)
  const candidates = counting.toSorted((a, b) => {
    const ownFirst = Number(b.wid === query.wid) - Number(a.wid === query.wid)
    return ownFirst || b.receivedMs - a.receivedMs || b.seq - a.seq
  })
  for (let at = 0, reads = 1; at < candidates.length; at += reads, reads = READS) {
    const part = candidates.slice(at, at + reads)
    const opened = await Promise.all(part.map((listed) => openIfReadable(repo, listed, unreadable)))
    for (const snapshot of opened) {
      if (snapshot === undefined || !fits(snapshot, query) || !isOfDomain(repo, snapshot)) continue
      if (snapshot.wid === query.wid || (await isByAdministrator(repo, snapshot))) return { snapshot, unreadable }
    }
  }
  return { snapshot: undefined, unreadable }
}

async function isByAdministrator(repo: Repository, { wid }: OpenedSnapshot): Promise<boolean> {
  return (await repo.writers.certificate(fromHex(wid)!)).role === 'admin'
}

/** Throws `usage` when it is of another domain: nothing in it can be referred to. */
function ofDomain<T extends OpenedSnapshot>(repo: Repository, snapshot: T): T {
  if (isOfDomain(repo, snapshot)) return snapshot
  const { name } = repo.of(snapshot).domain
  throw new BackupError('usage', `this snapshot is of the domain ${name}, not of ${repo.domain.name}`, snapshot.id, {
    hint: 'a backup is compared with a snapshot of its own domain',
  })
}

function isOfDomain({ domain }: Repository, { body }: OpenedSnapshot): boolean {
  return equalBytes(body.domainId, domain.id)
}

async function openIfReadable(
  repo: Repository,
  listed: ListedSnapshot,
  unreadable: BackupError[],
): Promise<OpenedSnapshot | undefined> {
  try {
    return await repo.catalog.open(listed)
  } catch (error) {
    // A store that does not answer says nothing about the snapshot.
    if (foreignOf(error) !== undefined) return undefined
    if (!(error instanceof BackupError) || !UNREADABLE.has(error.code)) throw error
    unreadable.push(error)
    return undefined
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(['corrupt', 'limit', 'unsupported', 'wrong-key'])

function fits({ body }: OpenedSnapshot, { host, paths }: ParentQuery): boolean {
  return (
    body.host === host &&
    body.sources.length === paths.length &&
    body.sources.every((path, i) => equalBytes(path, paths[i]!))
  )
}
