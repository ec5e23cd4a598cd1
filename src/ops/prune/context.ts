// What every step of a prune is given.
import type { Clock } from '../../base/clock.ts'
import { BackupError } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { LocalState } from '../../repo/local-state.ts'
import type { Repository } from '../../repo/repository.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import type { EventSink } from '../events.ts'

export interface PruneContext {
  /** In the domain that is pruned. */
  readonly repo: Repository
  readonly writer: WriterIdentity
  readonly state: LocalState
  readonly clock: Clock
  readonly random: SecureRandom
  readonly by: string
  readonly onEvent: EventSink
  /** Throws `interrupted` when the prune is to stop. */
  readonly check: () => void
}

export function stopper(signal: AbortSignal | undefined, location: string): () => void {
  return () => {
    if (signal?.aborted !== true) return
    throw new BackupError('interrupted', 'the prune was stopped', location, {
      hint: 'nothing is half done: the next prune goes on where this one stopped',
    })
  }
}
