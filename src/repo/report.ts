// What somebody sees who may know that there are backups, and not of what: the summaries of snapshots (docs/format.md, 7).
import { fromHex } from '../base/bytes.ts'
import { BackupError, codeOf, doing } from '../base/errors.ts'
import { Sealer } from '../crypto/seal.ts'
import { suiteFor } from '../format/bundle.ts'
import type { Bundle } from '../format/bundle.ts'
import { parseObjectName, PREFIXES } from '../format/names.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import { decodeSnapshotSummary, verifySnapshot } from '../format/snapshot.ts'
import { reportKeyOf } from '../format/snapshot-summary.ts'
import type { SnapshotSummary } from '../format/snapshot-summary.ts'
import { listAll } from '../store/store.ts'
import type { ObjectInfo, Store } from '../store/store.ts'
import { unlessGone } from './objects/gone-object.ts'
import { getNamedByHash } from './objects/named-object.ts'
import { WriterDirectory } from './writers/writer-directory.ts'

export interface SummarizedSnapshot {
  /** Hash of the object, hex. */
  readonly id: string
  /** Hex. */
  readonly wid: string
  readonly seq: number
  /** Name of its domain. */
  readonly domain: string
  readonly summary: SnapshotSummary
  /** Bytes of the object, and when the store received it, in milliseconds since 1970. */
  readonly storedSize: number
  readonly receivedMs: number
}

export interface SnapshotReport {
  /** Oldest first by the store's time. */
  readonly snapshots: readonly SummarizedSnapshot[]
  readonly problems: readonly BackupError[]
}

export interface ReportSource {
  readonly store: Store
  readonly bundle: Bundle
  readonly description: RepoDescription
}

/** The summaries that a bundle of any role opens; snapshots of other domains are left out. */
export async function readReport({ store, bundle, description }: ReportSource): Promise<SnapshotReport> {
  const reports = bundle.reports ?? bundle.domains.map((domain) => ({ ...domain, keyReport: reportKeyOf(domain) }))
  const domains = reports.map((domain) => {
    const { name, keyReport } = domain
    return { name, sealer: new Sealer(keyReport, bundle.repoId, suiteFor(domain, description.suite)) }
  })
  const writers = new WriterDirectory(store, bundle.rootPublic)
  const snapshots: SummarizedSnapshot[] = []
  const problems: BackupError[] = []
  for await (const info of listAll(store, PREFIXES.snapshots)) {
    try {
      const found = await unlessGone(store, info.name, () => summarize(store, writers, info, bundle.repoId, domains))
      if (found !== undefined) snapshots.push(found)
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
      problems.push(error)
    }
  }
  return { snapshots: snapshots.toSorted((a, b) => a.receivedMs - b.receivedMs), problems }
}

interface ReportDomainKeys {
  readonly name: string
  readonly sealer: Sealer
}

async function summarize(
  store: Store,
  writers: WriterDirectory,
  { name, size, receivedMs }: ObjectInfo,
  repoId: Uint8Array,
  domains: readonly ReportDomainKeys[],
): Promise<SummarizedSnapshot | undefined> {
  const parsed = parseObjectName(name)
  if (parsed?.kind !== 'snapshot') return undefined
  return doing('reading a snapshot', name, async () => {
    const bytes = await getNamedByHash(store, name)
    const publicKey = await writers.publicKey(fromHex(parsed.wid)!, 'snapshot', name)
    for (const { name: domain, sealer } of domains) {
      const opened = openOrNot(() => decodeSnapshotSummary(bytes, name, { publicKey, repoId, reports: sealer }))
      if (opened === undefined) continue
      if (opened.head.seq !== parsed.seq) throw new BackupError('corrupt', 'its number is not that of its name', name)
      const { summary } = opened
      return { id: parsed.hash, wid: parsed.wid, seq: parsed.seq, domain, summary, storedSize: size, receivedMs }
    }
    // The hash in the name and the signature are right; it belongs to a domain that this bundle has not.
    verifySnapshot(bytes, name, { publicKey, repoId })
    return undefined
  })
}

function openOrNot<T>(open: () => T): T | undefined {
  try {
    return open()
  } catch (error) {
    if (codeOf(error) === 'corrupt') return undefined
    throw error
  }
}
