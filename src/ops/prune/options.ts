// What a prune is told, and what it tells.
import type { Clock } from '../../base/clock.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { LocalState } from '../../repo/local-state.ts'
import type { EventSink } from '../events.ts'
import type { WaitingFor } from './waiting.ts'

export interface PruneOptions {
  /** What this machine remembers between two runs: since when sessions have been silent, and for whom plans wait. */
  readonly state: LocalState
  readonly clock: Clock
  readonly random: SecureRandom
  /** Name of this machine, and who prunes: `ada@workstation`. */
  readonly host: string
  readonly by: string
  /** This program and its version. */
  readonly tool: string
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
  /** Worker threads that read trees at most; 0 does everything in the calling thread. */
  readonly threads: number
  /** Tells what would be done, and puts and deletes nothing. */
  readonly dryRun?: boolean
  /** Stays until its plans are carried out; otherwise the next run goes on. Needs `sleep`. */
  readonly wait?: boolean
  readonly sleep?: (ms: number) => Promise<void>
  /** Bytes of what nobody needs that may stay in packs that are needed, as a share of what is needed: 0.05 unless given. */
  readonly maxUnused?: number
  /** Bytes that are copied at most. */
  readonly maxRepack?: number
  /** Seals anew, under the newest keys, what somebody can read who has older keys of the domain alone. */
  readonly reencrypt?: boolean
  /** Merges packs that are far from full. */
  readonly repackSmall?: boolean
  /** Share of everything stored that may be deleted without asking: 0.3 unless given. */
  readonly maxRemoved?: number
  /** Prunes although snapshots are missing without a reason, or content that snapshots need. */
  readonly allowMissing?: boolean
  /** How long a session is silent before it is taken for dead, in milliseconds: a day unless given. */
  readonly silenceMs?: number
}

/** A share of the repository that a prune deletes without being told to go on. */
export const MAX_REMOVED = 0.3
export const MAX_UNUSED = 0.05

/** A plan that was not carried out yet. */
export interface WaitingPlan {
  /** Hex. */
  readonly pid: string
  readonly packs: number
  /** Key objects of sessions. */
  readonly keys: number
  readonly waitingFor: readonly WaitingFor[]
}

export interface PruneCounts {
  snapshots: number
  /** Of them, in the trash. */
  inTrash: number
  /** Tree nodes read. */
  nodes: number
  packs: number
  /** Stored bytes of all packs, and of blocks in them that are needed. */
  packBytes: number
  neededBytes: number
  /** Packs without anything that is needed, and their bytes. */
  packsDead: number
  deadBytes: number
  /** Packs that are copied in part, and the bytes that are copied and left behind. */
  packsRepacked: number
  copiedBytes: number
  repackDeadBytes: number
  /** Packs that the index had lost and that are needed. */
  packsAdopted: number
  /** Bytes of dead blocks that stay. */
  unusedBytes: number
  /** Blobs that are needed and lost. */
  missing: number
}

/** What is sealed under older keys of the domain; bytes are those of blocks that are needed. */
export interface Reencryption {
  /** When the prune began. */
  readonly packs: number
  readonly bytes: number
  /** Of them, what was sealed anew, or would be. */
  readonly packsDone: number
  readonly bytesDone: number
  /** What stays, or would stay. What is condemned is not counted. */
  readonly packsLeft: number
  readonly bytesLeft: number
  /** Snapshots: their writers have signed them, so what they say of themselves stays as it is. */
  readonly snapshots: number
}

export interface PruneReport {
  readonly dryRun: boolean
  readonly counts: Readonly<PruneCounts>
  /** Packs deleted, by plans of this run and of earlier ones, and their bytes. */
  readonly packsDeleted: number
  readonly bytesDeleted: number
  readonly newPacks: number
  /**
   * What this run did, or a dry run would do: bytes of packs that are read, those of new ones included, and bytes of new packs and
   * of their parity.
   */
  readonly readBytes: number
  readonly writtenBytes: number
  /** Requests that change something and so cost something in many stores, as far as they can be foreseen. */
  readonly puts: number
  readonly deletes: number
  /** Packs that nobody could open: of other domains, or damaged. They are left alone. */
  readonly packsUnopened: number
  /** Packs that were to be copied and are damaged. They are left alone. */
  readonly packsUnreadable: readonly string[]
  readonly segmentsWritten: number
  readonly segmentsDeleted: number
  readonly sessionsFenced: number
  readonly sessionsCleared: number
  readonly keysCleared: number
  /** Undefined unless that was asked for. */
  readonly reencryption: Reencryption | undefined
  /** Plans that wait for sessions: the next run goes on with them. */
  readonly waiting: readonly WaitingPlan[]
}
