// What the history is read with, of a repository that is open: snapshots, records and the trash need no index and no packs.
import type { BackupError } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import type { Bundle, Domain } from '../../format/bundle.ts'
import type { RepoDescription } from '../../format/repo-description.ts'
import type { Store } from '../../store/store.ts'
import type { SessionKeyRing } from '../keys/session-key-ring.ts'
import type { LocalScope, LocalState } from '../local-state.ts'
import type { Revocations } from '../writers/revocations.ts'
import type { WriterDirectory } from '../writers/writer-directory.ts'
import type { ListedLink } from './listed-link.ts'

/** A domain of the credential. */
export interface HistoryDomain {
  readonly domain: Domain
  readonly indexSealer: Sealer
  readonly sessionKeys: SessionKeyRing
}

/** What verifies and opens records and snapshots. */
export interface ChainSource extends LocalScope {
  readonly store: Store
  readonly writers: WriterDirectory
  readonly inDomains: readonly HistoryDomain[]
}

export interface HistorySource extends ChainSource, HistoryDomain {
  readonly bundle: Bundle
  readonly description: RepoDescription
  readonly descriptionNumber: number
  readonly newerDamaged: readonly BackupError[]
  readonly trust: {
    revoked(): Promise<Revocations>
    remember(state: LocalState, listed?: readonly ListedLink[]): void
  }
  readonly catalog: { list(): Promise<ListedLink[]> }
}
