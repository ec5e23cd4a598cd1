// Opens a repository: finds the slot that a credential fits, and the description that belongs to what is in it.
import { BackupError } from '../base/errors.ts'
import { parseObjectName } from '../format/names.ts'
import { checkFeatures } from '../format/repo-description.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import type { Store } from '../store/store.ts'
import type { Credential } from '../credentials/credential.ts'
import { isSameRepository, readDescriptions } from './descriptions.ts'
import type { FoundDescriptions, StoredDescription } from './descriptions.ts'
import { openWithCredential } from './keys/keyring.ts'
import type { Unlocked } from './keys/keyring.ts'
import { Repository } from './repository.ts'

/** `not-found` when this is no repository, `unsupported` when it is too new, `wrong-key` when no slot fits. */
export async function openRepository(store: Store, credential: Credential, root?: Uint8Array): Promise<Repository> {
  const unlocked = await unlockRepository(store, await readDescriptions(store), credential, root)
  return new Repository({ store, ...unlocked })
}

export interface UnlockedRepository extends Unlocked {
  /** The highest one of the repository that the credential is for. */
  readonly description: RepoDescription
  readonly descriptionNumber: number
  /** Damaged ones with a higher number; see `checkWritable`. */
  readonly newerDamaged: readonly BackupError[]
}

/**
 * Opens a slot, and chooses the description that its capability bundle vouches for. Throws what `openWithCredential` throws,
 * `unsupported` when the repository needs a newer version, `corrupt` when no description is the bundle's. `root` is the root
 * public key that it is known to have, for credentials whose slots everybody can make.
 */
export async function unlockRepository(
  store: Store,
  { found, damaged }: FoundDescriptions,
  credential: Credential,
  root?: Uint8Array,
): Promise<UnlockedRepository> {
  const repoIds = found.map(({ description }) => description.repoId)
  let unlocked: Unlocked
  try {
    const roots = found.map(({ description }) => description.rootPublic)
    unlocked = await openWithCredential({ store, repoIds, roots, ...(root && { root }) }, credential)
  } catch (error) {
    checkReadable(found[0]) // in a newer repository the slots may be of a kind that does not open here
    throw error
  }
  const own = found.find(({ description }) => isSameRepository(description, unlocked.bundle))
  checkReadable(own ?? found[0])
  if (own === undefined) {
    throw new BackupError('corrupt', 'the description is of another repository than the credential', store.location, {
      hint: 'the store holds parts of two repositories; do not write to it, and restore it from a copy',
    })
  }
  const foreign = found
    .filter(({ description }) => !isSameRepository(description, own.description))
    .map(({ name }) => new BackupError('corrupt', 'this description is of another repository and is passed over', name))
  const newerDamaged = damaged.filter(({ subject }) => numberOf(subject) > numberOf(own.name))
  const problems = [...damaged, ...foreign, ...unlocked.problems]
  return { ...unlocked, description: own.description, descriptionNumber: numberOf(own.name), newerDamaged, problems }
}

function checkReadable({ name, description }: StoredDescription): void {
  checkFeatures(description, 'read', name)
}

function numberOf(name: string): number {
  const parsed = parseObjectName(name)
  return parsed?.kind === 'description' ? parsed.number : -1
}
