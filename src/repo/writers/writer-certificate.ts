// The root key's word that a writer belongs to the repository.
import { equalBytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { timespecFromMs } from '../../base/time.ts'
import { Sealer } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { signingKeyFromSeed } from '../../crypto/signing.ts'
import { suiteFor } from '../../format/bundle.ts'
import type { Bundle } from '../../format/bundle.ts'
import { writerName } from '../../format/names.ts'
import { writerIdOf } from '../../format/signed-object.ts'
import { decodeWriterCertificate, encodeWriterCertificate } from '../../format/writer-cert.ts'
import type { Store } from '../../store/store.ts'
import { cannotGive } from '../roles.ts'

export interface WriterDetails {
  readonly store: Store
  readonly clock: Clock
  /** Of the machine or person, kept sealed in the certificate. */
  readonly name: string
  /** Of the repository. */
  readonly suite: Suite
}

/**
 * Certifies that the holder of this key has the role and the domains of `bundle`. `own` is an administrator's. Throws
 * `wrong-key` for who is none, `exists` when the key is certified for something else: a certificate is never changed.
 */
export async function putCertificate(
  own: Bundle,
  { role, domains }: Bundle,
  publicKey: Uint8Array,
  { store, clock, name, suite }: WriterDetails,
): Promise<void> {
  if (own.rootSeed === undefined) throw cannotGive(role, own)
  const [first] = domains
  const domainIds = domains.map(({ id }) => id)
  const sealer = new Sealer(first!.keyIdx, own.repoId, suiteFor(first!, suite))
  const certificate = encodeWriterCertificate(
    { publicKey, role, domainIds, created: timespecFromMs(clock.now()), name },
    { sealer, signer: signingKeyFromSeed(own.rootSeed) },
  )
  const object = writerName(writerIdOf(publicKey))
  const { created } = await doing('enrolling a writer', object, () => store.put(object, [certificate]))
  if (created) return
  const there = decodeWriterCertificate(await store.get(object), object, own)
  const same =
    there.role === role &&
    there.domainIds.length === domainIds.length &&
    there.domainIds.every((id, i) => equalBytes(id, domainIds[i]!))
  if (same) return
  throw new BackupError('exists', `this machine is certified already, with the role ${there.role}`, object, {
    hint: 'run `holdfast enroll request --anew` on it, which makes a new key, and approve that',
  })
}
