// Which key pairs of a domain are used: the newest for what is stored now, all that there are for what was stored before. The
// bundle of a credential may be older than the description of the repository, which then says the newest public keys.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Timespec } from '../../base/time.ts'
import type { AnnouncedKeys } from '../../format/announced-keys.ts'
import type { Domain } from '../../format/bundle.ts'
import type { RepoDescription } from '../../format/repo-description.ts'
import { recipientOf } from '../../format/session-keys.ts'
import type { Purpose } from '../../format/session-keys.ts'

export interface RecipientKey {
  /** What stands for the public key in the keys of sessions. */
  readonly recipient: Uint8Array
  readonly privateKey: Uint8Array
}

export class DomainKeys {
  /** To which the secrets of new sessions are encapsulated. */
  readonly dataPublic: Uint8Array
  readonly metaPublic: Uint8Array
  /** What stands for the key pairs that some holder of the domain has, the newest first. */
  readonly recipients: Readonly<Record<Purpose, readonly Uint8Array[]>>
  /** When the newest keys were made, where the credential does not have them. */
  readonly lackedSince: Timespec | undefined
  readonly #domain: Domain

  constructor(domain: Domain, description: Pick<RepoDescription, 'announced'>) {
    const announced = announcedFor(description, domain.id)
    const isBehind = announced !== undefined && isNewer(announced, domain)
    const newest = isBehind ? announced : domain
    this.#domain = domain
    this.dataPublic = newest.dataPublic
    this.metaPublic = newest.metaPublic
    const data: Uint8Array[] = []
    const meta: Uint8Array[] = []
    for (const from of isBehind ? [announced, domain] : announced === undefined ? [domain] : [domain, announced]) {
      data.push(recipientOf(from.dataPublic), ...(from.older ?? []).map((keys) => keys.data))
      meta.push(recipientOf(from.metaPublic), ...(from.older ?? []).map((keys) => keys.meta))
    }
    this.recipients = { data: distinct(data), meta: distinct(meta) }
    this.lackedSince = isBehind ? announced.made : undefined
  }

  /** Those of the credential, the newest first; none where its role has none. */
  privateKeys(purpose: Purpose): readonly RecipientKey[] {
    const { dataPublic, metaPublic, dataPrivate, metaPrivate, older = [] } = this.#domain
    const newest =
      purpose === 'data'
        ? { recipient: recipientOf(dataPublic), privateKey: dataPrivate }
        : { recipient: recipientOf(metaPublic), privateKey: metaPrivate }
    const before = older.map((keys) =>
      purpose === 'data'
        ? { recipient: keys.data, privateKey: keys.dataPrivate }
        : { recipient: keys.meta, privateKey: keys.metaPrivate },
    )
    return [newest, ...before].filter((key): key is RecipientKey => key.privateKey !== undefined)
  }

  /** For a session whose secrets are for none of the credential's key pairs. */
  lackError(name: string): BackupError {
    const since = this.lackedSince
    if (since === undefined) {
      return new BackupError('wrong-key', 'the session was not encapsulated to a key pair of this credential', name, {
        hint: 'its keys were made new since, or it is of somebody who uses others; use another credential',
      })
    }
    const day = new Date(since.sec * 1000).toISOString().slice(0, 10)
    const what = `the keys for reading were made new on ${day}, and this key was not given the new ones`
    return new BackupError('wrong-key', what, name, {
      hint: 'it reads what was stored before; for the rest ask an administrator for a new key',
    })
  }
}

/** What the description says of a domain. */
export function announcedFor(
  { announced = [] }: Pick<RepoDescription, 'announced'>,
  domainId: Uint8Array,
): AnnouncedKeys | undefined {
  return announced.find((keys) => equalBytes(keys.domainId, domainId))
}

/** Whether announced keys came after all that the domain has: those of a bundle may be the newer ones as well. */
function isNewer(announced: AnnouncedKeys, { dataPublic, older = [] }: Domain): boolean {
  const recipient = recipientOf(announced.dataPublic)
  return !equalBytes(recipient, recipientOf(dataPublic)) && !older.some(({ data }) => equalBytes(data, recipient))
}

function distinct(recipients: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(recipients.map((one) => [toHex(one), one])).values()]
}
