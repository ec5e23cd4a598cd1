// A new repository: its description, its first credential.
import type { Clock } from '../base/clock.ts'
import { BackupError, doing } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import type { Suite } from '../crypto/seal.ts'
import { signingKeyFromSeed } from '../crypto/signing.ts'
import { encodeRepoDescription } from '../format/repo-description.ts'
import type { ChunkerSizes, ParityShares } from '../format/repo-description.ts'
import { descriptionName } from '../format/names.ts'
import type { Store } from '../store/store.ts'
import type { NewCredential, PassphraseCost } from '../credentials/credential.ts'
import { refuseUnlessFree } from './objects/free-place.ts'
import { putSlot } from './keys/keyring.ts'
import { newBundle } from './keys/new-bundle.ts'
import { ParityMaker } from './objects/parity-maker.ts'
import { Repository } from './repository.ts'

/** Bytes of a full data pack: large enough for few requests, small enough to be held in memory twice. */
export const PACK_SIZE = 32 * 1024 * 1024

export interface CreateOptions {
  readonly credential: NewCredential
  /** Name of the first key slot, shown by `key list`. */
  readonly label?: string
  readonly cost?: PassphraseCost
  readonly clock: Clock
  readonly random: SecureRandom
  /** Sizes of chunks in bytes. */
  readonly chunker: ChunkerSizes
  readonly packSize?: number
  /** AES-256-GCM unless given. With 0 whoever has the store reads it. */
  readonly suite?: Suite
  /** None unless given; made where the store can be repaired. */
  readonly parity?: ParityShares
}

/** Makes a repository in a free place; throws what `refuseUnlessFree` throws. */
export async function createRepository(store: Store, opts: CreateOptions): Promise<Repository> {
  const { credential, label, cost, clock, random, chunker, packSize = PACK_SIZE, suite = 1, parity } = opts
  await refuseUnlessFree(store)
  const bundle = newBundle(random)
  const created = timespecFromMs(clock.now())
  const description = {
    repoId: bundle.repoId,
    created,
    suite,
    chunker,
    packSize,
    incompat: 0,
    roCompat: 0,
    compat: 0,
    ...(parity !== undefined && { parity }),
  }
  // The credential comes first: a repository without one could not be opened, a slot without a repository is ignored.
  // So is what is left of a run that died in between, also where it was for the same key file.
  await putSlot(store, bundle, credential, {
    created,
    random,
    suite,
    ...(label !== undefined && { label }),
    ...(cost !== undefined && { cost }),
  })
  const name = descriptionName(FIRST_DESCRIPTION)
  const bytes = encodeRepoDescription(description, signingKeyFromSeed(bundle.rootSeed!))
  const put = await doing('creating the repository', name, () => store.put(name, [bytes]))
  if (!put.created) throw new BackupError('exists', 'another process has just made a repository here', store.location)
  if (parity !== undefined && store.replace !== undefined) {
    const maker = new ParityMaker(store, { suite, shares: parity })
    maker.ofBytes(name, bytes)
    await maker.finish()
  }
  return new Repository({
    store,
    description: { ...description, rootPublic: bundle.rootPublic },
    descriptionNumber: FIRST_DESCRIPTION,
    bundle,
  })
}

const FIRST_DESCRIPTION = 1
