// What a check is asked for, and what it finds.
import type { Clock } from '../../base/clock.ts'
import type { BackupError } from '../../base/errors.ts'
import type { Rng } from '../../base/random.ts'
import type { AttestedPack } from '../../format/log-record.ts'
import type { PackKind } from '../../format/names.ts'
import type { ReadTimes } from '../../repo/packs/read-times.ts'
import type { Repository } from '../../repo/repository.ts'
import type { Revocation } from '../../repo/writers/revocations.ts'
import type { EventSink } from '../events.ts'
import type { PackShare } from './choose-packs.ts'
import type { Damage } from './damage.ts'
import type { Unreadable } from './object-survey.ts'

export interface CheckOptions {
  /** Its index need not be loaded; afterwards it has the one that was checked. */
  readonly repo: Repository
  readonly depth: 'structure' | 'sample' | 'all'
  /** Share of the bytes of all packs to read at the depth `sample`, above 0 to 1; at least one pack is read. */
  readonly sample?: number
  /** At the depth `sample`, instead of a share: as much as has to be read for everything to be read once in this time. */
  readonly withinMs?: number
  /** At the depth `all`: passes over what was read and found good since then, in milliseconds since 1970. */
  readonly sinceMs?: number
  /** At the depth `sample`: these packs and no others. */
  readonly only?: ReadonlySet<string>
  /** Whether the result says which packs can be attested. */
  readonly attest?: boolean
  /** Remembers which packs were read and when; nothing is remembered unless given. */
  readonly times?: ReadTimes
  readonly clock?: Clock
  /** Chooses among packs that were never read. */
  readonly rng: Rng
  /** Worker threads for reading packs; 0 does everything in the calling thread. */
  readonly threads: number
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface CheckCounts {
  objects: number
  snapshots: number
  /** Different nodes of trees, and the entries in them. */
  nodes: number
  entries: number
  packs: number
  packsRead: number
  /** Packs that `since` passed over, and those of which only the hash was compared: the key may not open their blocks. */
  packsPassedOver: number
  packsHashedOnly: number
  /** Damaged packs that backups do not rely on any more, and that no snapshot needs: no damage. */
  packsSuperseded: number
  /** Packs that the index names, that are gone, and that neither a snapshot nor the trash needs: no damage. */
  packsGone: number
  /** Damaged snapshots in the trash that were forgotten because of that, or left by a forget that failed: no damage. */
  snapshotsGivenUp: number
  /** Snapshots and records that are not there, and that somebody has accepted as lost: no damage. */
  lossesAccepted: number
  /** Blobs verified, and the bytes of their plaintext. */
  blobs: number
  bytes: number
  /** Packs that no index segment names. */
  packsUnindexed: number
  /** Those of them whose sessions have not ended: of backups that are under way or were killed. */
  packsUnfinished: number
  /** Those of them whose directories do not open: damaged, or not of this repository. */
  packsUnopened: number
  /** Objects and packs of domains that the credential does not have: only what needs no key of them was verified. */
  objectsForeign: number
  packsForeign: number
}

export interface CheckResult {
  readonly counts: Readonly<CheckCounts>
  /** Snapshots need packs that no index segment names: readers find them, more slowly, until a backup indexes them. */
  readonly indexIncomplete: boolean
  /** What is not as it was written, or is missing: the repository is damaged if there is any. */
  readonly damages: readonly Damage[]
  readonly damageCount: number
  /** Names of snapshots of which a backup that died left only a part: nothing that was reported as done is lost with them. */
  readonly cutOff: readonly string[]
  /** Snapshots that do not count because their writers were revoked: nothing of them but their signatures was checked. */
  readonly revoked: readonly RevokedSnapshot[]
  /** Packs that were read whole and found good; none unless asked for. */
  readonly attestable: readonly AttestablePack[]
  /** What kept the check from going on after it had found damage: the rest is not known. */
  readonly stoppedBy: BackupError | undefined
  /** What could not be read, so that nothing is known about it. */
  readonly unreadable: readonly Unreadable[]
  /** Names that no object of a repository has: the first UNKNOWN_MAX, and how many there are. */
  readonly unknown: readonly string[]
  readonly unknownCount: number
}

export interface AttestablePack extends AttestedPack {
  readonly kind: PackKind
  /** The repository in its domain. */
  readonly repo: Repository
}

export interface RevokedSnapshot {
  readonly objectName: string
  readonly revocation: Revocation
}

export function noCounts(): CheckCounts {
  return {
    objects: 0,
    snapshots: 0,
    nodes: 0,
    entries: 0,
    packs: 0,
    packsRead: 0,
    packsPassedOver: 0,
    packsHashedOnly: 0,
    packsSuperseded: 0,
    packsGone: 0,
    snapshotsGivenUp: 0,
    lossesAccepted: 0,
    blobs: 0,
    bytes: 0,
    packsUnindexed: 0,
    packsUnfinished: 0,
    packsUnopened: 0,
    objectsForeign: 0,
    packsForeign: 0,
  }
}

/** Undefined when no pack is to be read. */
export function wantedPacks({ depth, sample = 1, withinMs, sinceMs, only }: CheckOptions): PackShare | undefined {
  if (depth === 'structure') return undefined
  if (depth === 'all') return sinceMs === undefined ? { kind: 'all' } : { kind: 'since', sinceMs }
  if (only !== undefined) return { kind: 'named', names: only }
  return withinMs === undefined ? { kind: 'share', share: sample } : { kind: 'within', periodMs: withinMs }
}
