// What a repair is asked for, and what it does.
import type { Clock } from '../../base/clock.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { LocalState } from '../../repo/local-state.ts'
import type { Store } from '../../store/store.ts'
import type { Damage } from '../check/damage.ts'
import type { Unreadable } from '../check/object-survey.ts'
import type { EventSink } from '../events.ts'
import type { HealSource } from './healer.ts'

export interface RepairOptions {
  /** Another copy of the same repository, from which objects are fetched by their names. */
  readonly mirror?: Store
  /** Whether packs are read whole and compared with their names; otherwise only what a check of the structure finds. True unless given. */
  readonly readData?: boolean
  readonly state: LocalState
  readonly clock: Clock
  readonly random: SecureRandom
  readonly host: string
  /** Name and version of the program. */
  readonly tool: string
  /** Who does it, as people are called. */
  readonly by: string
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export type RepairStep =
  /** Damaged, and now as it was. */
  | { readonly kind: 'healed'; readonly object: string; readonly from: HealSource }
  /** Missing, and there again. */
  | { readonly kind: 'brought-back'; readonly object: string; readonly from: HealSource }
  /** In no index, and now in one. */
  | { readonly kind: 'indexed'; readonly packs: number }
  /** A damaged pack that backups do not rely on any more: what it had is stored again where the source still has it. */
  | { readonly kind: 'distrusted'; readonly object: string }
  /** Damaged and needed by nobody: moved to `damaged/`. */
  | { readonly kind: 'set-aside'; readonly object: string }
  | { readonly kind: 'parity-made'; readonly object: string }
  /** Of an object that is not there any more. */
  | { readonly kind: 'parity-removed'; readonly object: string }
  /** Noted in the log what is lost. */
  | { readonly kind: 'recorded'; readonly object: string }

export interface RepairResult {
  /** In the order in which they were done. */
  readonly steps: readonly RepairStep[]
  /** What is still damaged or missing, and what it costs. */
  readonly lost: readonly Damage[]
  readonly lostCount: number
  /** Why what is lost could not be healed, by object. */
  readonly reasons: ReadonlyMap<string, readonly string[]>
  readonly unreadable: readonly Unreadable[]
  /** Of what is damaged, the intents of sessions that have ended: nothing is lost with them, and a prune clears them away. */
  readonly passing: ReadonlySet<string>
}
