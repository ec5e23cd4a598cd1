// One value of each signed or sealed object, the same in every run.
import { newKemKeyPair } from '../../src/crypto/kem.ts'
import type { KemKeyPair } from '../../src/crypto/kem.ts'
import type { Bundle, Domain } from '../../src/format/bundle.ts'
import type { LogAction, LogBody } from '../../src/format/log-record.ts'
import type { RepoDescription } from '../../src/format/repo-description.ts'
import type { SnapshotBody } from '../../src/format/snapshot.ts'
import { reportKeyOf } from '../../src/format/snapshot-summary.ts'
import { recipientOf } from '../../src/format/session-keys.ts'
import { writerIdOf } from '../../src/format/signed-object.ts'
import { fixedBytes, fixedRepoId, fixedSigner } from './format-keys.ts'

export const fixedTime = { sec: 1_790_000_000, nsec: 123_456_789 } as const
export const fixedKemPair = (label: string): KemKeyPair => newKemKeyPair((length) => fixedBytes(`kem ${label}`, length))

export function sampleDomain(label: string, withPrivate = true): Domain {
  const data = fixedKemPair(`${label} data`)
  const meta = fixedKemPair(`${label} meta`)
  return {
    id: fixedBytes(`${label} id`, 8),
    name: label,
    keyId: fixedBytes(`${label} K_id`),
    keyLoc: fixedBytes(`${label} K_loc`),
    keyCdc: fixedBytes(`${label} K_cdc`),
    keyIdx: fixedBytes(`${label} K_idx`),
    dataPublic: data.publicKey,
    metaPublic: meta.publicKey,
    ...(withPrivate && { dataPrivate: data.privateKey, metaPrivate: meta.privateKey }),
  }
}

/** The same domain after it was given new key pairs. */
export function sampleRotatedDomain(label: string): Domain {
  const { dataPublic, metaPublic, ...old } = sampleDomain(label)
  const [data, meta] = [fixedKemPair(`${label} new data`), fixedKemPair(`${label} new meta`)]
  return {
    ...old,
    dataPublic: data.publicKey,
    metaPublic: meta.publicKey,
    dataPrivate: data.privateKey,
    metaPrivate: meta.privateKey,
    older: [
      {
        data: recipientOf(dataPublic),
        meta: recipientOf(metaPublic),
        dataPrivate: old.dataPrivate!,
        metaPrivate: old.metaPrivate!,
      },
    ],
  }
}

export function sampleBundle(): Bundle {
  return {
    repoId: fixedRepoId(),
    role: 'admin',
    domains: [sampleDomain('shared')],
    rootPublic: fixedSigner('root').publicKey,
    rootSeed: fixedBytes('root seed'),
    writer: { wid: writerIdOf(fixedSigner().publicKey), seed: fixedBytes('writer seed') },
    localKey: fixedBytes('local key'),
  }
}

/** With a domain for data that everybody may read, beside one that nobody may. */
export function samplePublicBundle(): Bundle {
  return { ...sampleBundle(), domains: [sampleDomain('shared'), { ...sampleDomain('mirror'), isPublic: true }] }
}

/** For both of them. */
export function samplePublicReportBundle(): Bundle {
  const report = sampleReportBundle()
  const { id, name, keyIdx } = sampleDomain('mirror')
  const mirror = { id, name, keyReport: reportKeyOf({ keyIdx }), isPublic: true as const }
  return { ...report, reports: [...report.reports!, mirror] }
}

export function sampleReportBundle(): Bundle {
  const { repoId, rootPublic, localKey } = sampleBundle()
  const { id, name, keyIdx } = sampleDomain('shared')
  const reports = [{ id, name, keyReport: reportKeyOf({ keyIdx }) }]
  return { repoId, role: 'report', domains: [], reports, rootPublic, localKey }
}

export function sampleDescription(): Omit<RepoDescription, 'rootPublic'> {
  return {
    repoId: fixedRepoId(),
    created: fixedTime,
    suite: 1,
    chunker: { min: 262_144, average: 1_048_576, max: 4_194_304 },
    packSize: 33_554_432,
    incompat: 0,
    roCompat: 0,
    compat: 0,
  }
}

/** A description after new keys were made for a domain. */
export function rotatedDescription(): Omit<RepoDescription, 'rootPublic'> {
  const { id, dataPublic, metaPublic, older } = sampleRotatedDomain('shared')
  const announced = { domainId: id, dataPublic, metaPublic, made: fixedTime }
  return {
    ...sampleDescription(),
    announced: [{ ...announced, older: older!.map(({ data, meta }) => ({ data, meta })) }],
  }
}

export function sampleSnapshotBody(): SnapshotBody {
  return {
    started: fixedTime,
    ended: { sec: fixedTime.sec + 60, nsec: 0 },
    host: 'workstation',
    user: 'ada',
    sources: [new TextEncoder().encode('/home/ada')],
    root: fixedBytes('root ref'),
    stats: {
      files: 10,
      directories: 3,
      others: 1,
      bytes: 123_456,
      newFiles: 4,
      changedFiles: 5,
      unchangedFiles: 1,
      newBlobs: 9,
      newPlainBytes: 100_000,
      storedBytes: 40_000,
    },
    troubles: [{ path: new Uint8Array([0x2f, 0xff]), code: 1, text: 'EIO: i/o error, read' }],
    troubleCount: 1,
    partial: true,
    tags: ['daily'],
    heads: [{ wid: fixedBytes('other wid', 16), seq: 7, hash: fixedBytes('other head') }],
    toolVersion: '0.1.0',
    parent: fixedBytes('parent'),
    domainId: fixedBytes('shared id', 8),
    description: 'before the move',
    keepUntil: { sec: fixedTime.sec + 86_400, nsec: 0 },
    destroyBy: { sec: fixedTime.sec + 8_640_000, nsec: 0 },
    rewrittenFrom: fixedBytes('rewritten'),
  }
}

const place = (label: string, seq: number) => ({ wid: fixedBytes(`${label} wid`, 16), seq, hash: fixedBytes(label) })

const attested = (digit: number) => ({
  hash: new Uint8Array(32).fill(digit),
  tables: fixedBytes(`tables ${digit}`),
})

/** One action of each kind. */
export const sampleLogActions: readonly LogAction[] = [
  {
    kind: 'forget',
    snapshots: [place('forgotten', 3), place('forgotten', 4)],
    received: [fixedTime, { sec: fixedTime.sec + 60, nsec: 0 }],
    copies: [fixedBytes('first copy', 16), fixedBytes('second copy', 16)],
    reason: 'a wrong folder',
  },
  {
    kind: 'forget-damaged',
    snapshots: [place('damaged', 5)],
    received: [fixedTime],
    reason: 'a sector was lost',
  },
  {
    kind: 'revoke',
    wid: fixedBytes('stolen wid', 16),
    fromSeq: 12,
    snapshots: [new Uint8Array(32).fill(4), new Uint8Array(32).fill(5)],
    lastRecord: { seq: 3, hash: fixedBytes('last record of the stolen') },
    reason: 'the laptop was stolen',
  },
  {
    kind: 'attest',
    dataPacks: [attested(1), attested(2)],
    metaPacks: [attested(3)],
  },
  { kind: 'prune', pid: fixedBytes('plan', 16), dataPacks: 7, metaPacks: 1, bytes: 200_000_000 },
  { kind: 'note', text: 'moved to the new disk' },
  { kind: 'accept', snapshots: [place('lost', 9)], records: [place('lost record', 2)], reason: 'restored from a copy' },
  {
    kind: 'policy',
    policy: {
      last: 3,
      calendar: [
        { period: 'daily', count: 14, every: 2 },
        { period: 'yearly', count: 'all', every: 1 },
      ],
      within: [
        { span: { years: 0, months: 1, days: 2, hours: 3 } },
        { period: 'hourly', span: { years: 0, months: 0, days: 2, hours: 0 } },
      ],
      tags: [['release'], ['audit', 'signed']],
      groupBy: ['sources', 'tags'],
      trashDays: 14,
    },
    reason: 'two weeks are enough',
  },
  { kind: 'hold', hold: 'keep', snapshots: [place('held', 3)], reason: 'a lawsuit' },
  { kind: 'hold', hold: 'keep-until', time: fixedTime, snapshots: [place('held', 4)] },
  { kind: 'hold', hold: 'destroy-by', time: fixedTime, snapshots: [place('held', 5)] },
  { kind: 'hold', hold: 'release', snapshots: [place('held', 3)] },
  {
    kind: 'rewrite',
    rewritten: [{ from: place('first', 3), to: place('second', 8), received: fixedTime }],
    reason: 'a password was in it',
  },
  {
    kind: 'recall',
    snapshots: [place('forgotten', 4)],
    copies: [fixedBytes('third copy', 16)],
    reason: 'it is wanted after all',
  },
  { kind: 'rotate', description: 2, domainIds: [fixedBytes('shared id', 8)], reason: 'Ann has left' },
  { kind: 'remove-slot', slot: fixedBytes('slot'), reason: 'the key of Ann' },
  { kind: 'destroy', domainId: fixedBytes('private id', 8), snapshots: [place('destroyed', 2)], reason: 'asked for' },
  {
    kind: 'repair',
    healed: 12,
    lost: ['data/00/lost', 'data blob 0011'],
    snapshots: [{ snapshot: fixedBytes('damaged'), count: 2, paths: [fixedBytes('path', 16)] }],
  },
  { kind: 'repair', healed: 3, lost: [], snapshots: [], whole: true },
  { kind: 'unknown', number: 77, unknown: [{ key: 4, value: new Uint8Array([0x81, 0x00]) }] },
]

export function sampleLogBody(action: LogAction = sampleLogActions[0]!): LogBody {
  return { time: fixedTime, by: 'ada@workstation', action, heads: [place('other log', 5)] }
}
