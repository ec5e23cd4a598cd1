// Which of the descriptions in a store is the repository's own, as far as that can be told without any key.
import { BackupError, codeOf } from '../../base/errors.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import type { RepoDescription } from '../../format/repo-description.ts'
import { decodeWriterCertificate } from '../../format/writer-cert.ts'
import { isSameRepository } from '../../repo/descriptions.ts'
import type { FoundDescriptions, StoredDescription } from '../../repo/descriptions.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'

/**
 * The highest one; where they are of several repositories, the highest of that whose root key has signed most certificates
 * of writers. Who adds a description to a store can add certificates too: then it is the other one that a scrub finds
 * damaged, and somebody with a key has to look.
 */
export async function likelyDescription(store: Store, found: FoundDescriptions['found']): Promise<StoredDescription> {
  const candidates = found.filter(
    ({ description }, at) => found.findIndex((other) => isSameRepository(other.description, description)) === at,
  )
  if (candidates.length === 1) return found[0]
  const signed = candidates.map(() => 0)
  for await (const { name } of listAll(store, PREFIXES.writers)) {
    if (parseObjectName(name)?.kind !== 'writer') continue
    const bytes = await certificate(store, name)
    const at = candidates.findIndex(({ description }) => bytes !== undefined && hasSigned(description, bytes, name))
    if (at >= 0) signed[at]!++
  }
  return candidates[signed.indexOf(Math.max(...signed))]!
}

/** Undefined when it cannot be read: whoever verifies all objects tells that. */
async function certificate(store: Store, name: string): Promise<Uint8Array | undefined> {
  try {
    return await store.get(name)
  } catch (error) {
    if (error instanceof BackupError && codeOf(error) !== 'unreachable') return undefined
    throw error
  }
}

function hasSigned({ rootPublic }: RepoDescription, bytes: Uint8Array, name: string): boolean {
  try {
    decodeWriterCertificate(bytes, name, { rootPublic })
    return true
  } catch (error) {
    if (error instanceof BackupError) return false
    throw error
  }
}
