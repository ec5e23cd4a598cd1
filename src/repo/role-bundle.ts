// The capability bundle for a new credential with a role: restricted, and with a writer of its own where the role signs.
import type { Clock } from '../base/clock.ts'
import { doing } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import { newSigningSeed, signingKeyFromSeed } from '../crypto/signing.ts'
import type { Bundle, Role } from '../format/bundle.ts'
import { writerName } from '../format/names.ts'
import { writerIdOf } from '../format/signed-object.ts'
import { encodeWriterCertificate } from '../format/writer-cert.ts'
import type { Store } from '../store/store.ts'
import { cannotGive, restrictBundle } from './roles.ts'
import type { Restriction } from './roles.ts'

export interface WriterDetails {
  readonly store: Store
  readonly clock: Clock
  /** Of the machine or person, kept sealed in the certificate. */
  readonly name: string
  /** Of the repository. */
  readonly suite: Suite
}

/**
 * The bundle for one holder of a role. Roles that sign and cannot enrol themselves get a writer, whose certificate is put
 * here: that takes the root key. Throws what `restrictBundle` throws.
 */
export async function bundleForRole(own: Bundle, restriction: Restriction, details: WriterDetails): Promise<Bundle> {
  const bundle = restrictBundle(own, restriction)
  if (!NEEDS_WRITER.has(bundle.role)) return bundle
  const seed = newSigningSeed(restriction.random)
  const { publicKey } = signingKeyFromSeed(seed)
  await putCertificate(own, bundle, publicKey, details)
  return { ...bundle, writer: { wid: writerIdOf(publicKey), seed } }
}

const NEEDS_WRITER: ReadonlySet<Role> = new Set(['read', 'maintain', 'write'])

/** The root key's word that the holder of this key has the role and the domains of `bundle`. */
export async function putCertificate(
  own: Bundle,
  { role, domains }: Bundle,
  publicKey: Uint8Array,
  { store, clock, name, suite }: WriterDetails,
): Promise<void> {
  if (own.rootSeed === undefined) throw cannotGive(role, own)
  const certificate = encodeWriterCertificate(
    { publicKey, role, domainIds: domains.map(({ id }) => id), created: timespecFromMs(clock.now()), name },
    { sealer: new Sealer(domains[0]!.keyIdx, own.repoId, suite), signer: signingKeyFromSeed(own.rootSeed) },
  )
  const object = writerName(writerIdOf(publicKey))
  await doing('enrolling a writer', object, () => store.put(object, [certificate]))
}
