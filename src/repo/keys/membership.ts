// Which domain an object belongs to, and whether its writer is of that domain (docs/format.md, 3.1 and 3.7). What belongs
// to a domain that the credential in use does not have is sound as far as anybody can tell, and is no damage.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { SealError } from '../../crypto/seal.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import { NotPermitted } from '../roles.ts'

/** The parts of a domain that tell what belongs to it; `indexSealer` is of its `K_idx`. */
export interface DomainParts {
  readonly domain: { readonly id: Uint8Array }
  readonly indexSealer: Sealer
}

export type Member = Pick<WriterCertificate, 'publicKey' | 'domainIds'>

/** The object is sound and belongs to another domain. */
export class ForeignObject extends BackupError {
  /** Of that domain, where the object says it. */
  readonly domainId: Uint8Array | undefined

  constructor(subject: string, domainId?: Uint8Array) {
    super('wrong-key', 'this belongs to a domain that is not one of this key', subject, {
      hint: 'use a key that has the domain; `holdfast domain list` shows those of this one',
    })
    this.domainId = domainId
  }
}

/** The reason of an error, where that is an object of another domain. */
export function foreignOf(error: unknown): ForeignObject | undefined {
  if (error instanceof ForeignObject) return error
  return error instanceof BackupError ? foreignOf(error.cause) : undefined
}

/**
 * Opens an object that is signed by a writer and then sealed under `K_idx`: `decode` checks the signature first. Throws
 * `ForeignObject` for a sound one that this domain's key does not open, when its writer has other domains too, and
 * `NotPermitted` for one of a writer who is not of the domain.
 */
export function openInDomain<T>(
  { domain, indexSealer: sealer }: DomainParts,
  writer: Member,
  subject: string,
  decode: (keys: { readonly sealer: Sealer; readonly publicKey: Uint8Array }) => T,
): T {
  const opened = decodeOwn()
  checkMember(writer, domain.id, subject)
  return opened

  function decodeOwn(): T {
    try {
      return decode({ sealer, publicKey: writer.publicKey })
    } catch (error) {
      // The signature is right, so these are the bytes that were written.
      if (error instanceof SealError && hasOthers(writer, [domain.id])) throw new ForeignObject(subject)
      throw error
    }
  }
}

/** The first of several domains that opens it; `ForeignObject` when none of them does. */
export function openInDomains<D extends DomainParts, T>(
  domains: readonly D[],
  writer: Member,
  subject: string,
  decode: (keys: { readonly sealer: Sealer; readonly publicKey: Uint8Array }) => T,
): { readonly opened: T; readonly within: D } {
  let damage: unknown
  for (const within of domains) {
    try {
      return { opened: openInDomain(within, writer, subject, decode), within }
    } catch (error) {
      if (!(error instanceof ForeignObject) && !(error instanceof SealError)) throw error
      damage ??= error
    }
  }
  const ids = domains.map(({ domain }) => domain.id)
  throw hasOthers(writer, ids) ? new ForeignObject(subject) : new SealError(subject, { cause: damage })
}

/** Throws `NotPermitted` unless the writer is of the domain. */
export function checkMember({ domainIds }: Pick<Member, 'domainIds'>, domainId: Uint8Array, subject: string): void {
  if (domainIds.some((id) => equalBytes(id, domainId))) return
  throw new NotPermitted('a writer who is not of its domain', subject)
}

/** Whether the writer has a domain besides these. */
export function hasOthers({ domainIds }: Pick<Member, 'domainIds'>, ids: readonly Uint8Array[]): boolean {
  return domainIds.some((id) => !ids.some((own) => equalBytes(id, own)))
}
