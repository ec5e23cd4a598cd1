// Who writes. Each machine has a writer of its own, so that the chains of snapshots of two machines never meet. A
// credential with the root key enrols one the first time it is used on a machine; its key is kept in the local state,
// sealed. Losing it costs nothing but a new entry in writers/.
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import { newSigningSeed, SIGNING_SEED_SIZE, signingKeyFromSeed } from '../../crypto/signing.ts'
import type { SigningKey } from '../../crypto/signing.ts'
import { writerName } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { writerIdOf } from '../../format/signed-object.ts'
import type { Bundle, Domain } from '../../format/bundle.ts'
import type { RepoDescription } from '../../format/repo-description.ts'
import type { Store } from '../../store/store.ts'
import type { LocalState } from '../local-state.ts'
import type { LocalScope } from '../local-state.ts'
import type { WriterDirectory } from './writer-directory.ts'
import type { Act } from '../roles.ts'
import { putCertificate } from './writer-certificate.ts'

export interface WriterIdentity {
  readonly wid: Uint8Array
  readonly signer: SigningKey
  /** Runs `step` while no other process of this machine commits as this writer. */
  exclusively<T>(step: () => Promise<T>): Promise<T>
}

export interface IdentityOptions {
  readonly state: LocalState
  readonly clock: Clock
  readonly random: SecureRandom
  /** Name of the machine, kept sealed in the certificate. */
  readonly host: string
  /** What is going to be signed; snapshots unless given. */
  readonly act?: Act
}

/** Of a repository in the domain in which something is signed. */
export interface IdentitySource extends LocalScope {
  readonly store: Store
  readonly bundle: Bundle
  readonly description: RepoDescription
  readonly domain: Domain
  readonly writers: WriterDirectory
  readonly machineSeed: Uint8Array | undefined
}

/** This machine's writer; enrols one when there is none yet. */
export async function writerIdentity(repo: IdentitySource, opts: IdentityOptions): Promise<WriterIdentity> {
  const { state } = opts
  const repoName = toHex(repo.id)
  const certified = repo.bundle.writer?.seed ?? repo.machineSeed
  const seed = certified ?? (await state.exclusive(`${repoName}.enrol`, () => seedOf(repo, opts)))
  const signer = signingKeyFromSeed(seed)
  const wid = writerIdOf(signer.publicKey)
  // What somebody signs without a sound certificate for it counts for nothing, and he would not hear of it.
  await repo.writers.publicKey(wid, opts.act ?? 'snapshot', writerName(wid))
  return { wid, signer, exclusively: (step) => state.exclusive(`${repoName}.${toHex(wid)}.commit`, step) }
}

/**
 * Throws `wrong-key` where this machine was let in for other domains than that of `repo`: it may have been given this one since,
 * and what it signs there counts for nothing.
 */
export async function checkLetIn(repo: IdentitySource): Promise<void> {
  const certified = repo.bundle.writer?.seed ?? repo.machineSeed
  if (certified === undefined) return
  const { domainIds } = await repo.writers.certificate(writerIdOf(signingKeyFromSeed(certified).publicKey))
  if (domainIds.some((id) => equalBytes(id, repo.domain.id))) return
  throw new BackupError('wrong-key', 'this machine was not let in for this domain', repo.domain.name, {
    hint: 'run `holdfast enroll request --anew` on it, and approve that with --domain',
  })
}

async function seedOf(repo: IdentitySource, opts: IdentityOptions): Promise<Uint8Array> {
  const { state, random } = opts
  const sealer = repo.keySealerOf(repo.bundle.localKey)
  const name = `${toHex(repo.id)}.writer`
  const kept = await state.read(name)
  if (kept !== null) {
    const seed = openKept(kept, sealer.open.bind(sealer), name)
    // The store may be an older copy that has not heard of this writer, or have lost its certificate.
    if (seed !== undefined && (await isEnrolled(repo, seed))) return seed
  }
  const seed = newSigningSeed(random)
  await enrol(repo, seed, opts)
  await state.write(name, sealer.seal(SEALED_TYPES.localState, NO_CONTEXT, seed))
  return seed
}

/** Undefined when what is kept is damaged or of another credential: then a new writer is enrolled. */
function openKept(
  kept: Uint8Array,
  open: (type: number, context: Uint8Array, sealed: Uint8Array, subject: string) => Uint8Array,
  name: string,
): Uint8Array | undefined {
  try {
    const seed = open(SEALED_TYPES.localState, NO_CONTEXT, kept, name)
    return seed.length === SIGNING_SEED_SIZE ? seed : undefined
  } catch (error) {
    if (error instanceof BackupError && error.code === 'corrupt') return undefined
    throw error
  }
}

/** Without a sound certificate nobody could verify what this writer signs: a damaged one is as good as none. */
async function isEnrolled(repo: IdentitySource, seed: Uint8Array): Promise<boolean> {
  try {
    const { domainIds } = await repo.writers.certificate(writerIdOf(signingKeyFromSeed(seed).publicKey))
    // One that was enrolled before the domain was added signs nothing in it.
    return domainIds.some((id) => equalBytes(id, repo.domain.id))
  } catch (error) {
    if (codeOf(error) === 'corrupt') return false
    throw error
  }
}

/** Throws `wrong-key` where nothing that this machine signs with this credential would count: for what takes long before it signs. */
export function checkSigns({ bundle, machineSeed, store }: IdentitySource): void {
  if (bundle.rootSeed !== undefined || bundle.writer !== undefined || machineSeed !== undefined) return
  throw new BackupError('wrong-key', 'this credential may not enrol a writer for this machine', store.location, {
    hint: `let this machine in with \`holdfast enroll request\`, and approve that with --role ${bundle.role}`,
  })
}

async function enrol(repo: IdentitySource, seed: Uint8Array, { clock, host }: IdentityOptions): Promise<void> {
  const { bundle, store, description } = repo
  checkSigns(repo)
  const { publicKey } = signingKeyFromSeed(seed)
  await putCertificate(bundle, bundle, publicKey, { store, clock, name: host, suite: description.suite })
}

const NO_CONTEXT = new Uint8Array(0)
