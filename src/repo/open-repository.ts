// Opens a repository: finds its description, finds the slot that a credential fits, checks one against the other.
import { equalBytes } from '../base/bytes.ts'
import { BackupError, doing } from '../base/errors.ts'
import { checkFeatures, decodeRepoDescription } from '../format/repo-description.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import { parseObjectName, PREFIXES } from '../format/names.ts'
import { listAll } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import type { Credential } from './credentials.ts'
import { openWithCredential } from './keyring.ts'
import { Repository } from './repository.ts'

/** `not-found` when this is no repository, `unsupported` when it is too new, `wrong-key` when no slot fits. */
export async function openRepository(store: Store, credential: Credential): Promise<Repository> {
  const description = await readDescription(store)
  const { bundle, problems } = await openWithCredential({ store, repoId: description.repoId }, credential)
  if (!equalBytes(bundle.repoId, description.repoId) || !equalBytes(bundle.rootPublic, description.rootPublic)) {
    throw new BackupError('corrupt', 'the description is of another repository than the credential', store.location, {
      hint: 'the store holds parts of two repositories; do not write to it, and restore it from a copy',
    })
  }
  return new Repository({ store, description, bundle, problems })
}

/** The description with the highest number that is valid; needs no key. */
export async function readDescription(store: Store): Promise<RepoDescription> {
  const numbers: { readonly name: string; readonly number: number }[] = []
  for await (const { name } of listAll(store, PREFIXES.format)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'description') numbers.push({ name, number: parsed.number })
  }
  if (numbers.length === 0) {
    throw new BackupError('not-found', 'no Holdfast repository here', store.location, {
      hint: 'check the path, or make one with `holdfast init`',
    })
  }
  let damage: unknown
  for (const { name } of numbers.toSorted((a, b) => b.number - a.number)) {
    try {
      const bytes = await store.get(name)
      const description = decodeRepoDescription(bytes, name)
      checkFeatures(description, 'read', name)
      return description
    } catch (error) {
      if (!(error instanceof BackupError) || error.code !== 'corrupt') throw error
      damage ??= error
    }
  }
  return doing('reading the repository’s description', store.location, () => Promise.reject(damage))
}
