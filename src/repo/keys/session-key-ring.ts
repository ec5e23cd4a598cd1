// Secrets of sessions, taken out of skeys/<sid> with the domain's private keys, once each.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, doing } from '../../base/errors.ts'
import type { Sealer, Suite } from '../../crypto/seal.ts'
import { sessionKeysName } from '../../format/names.ts'
import { checkMember, ForeignObject } from './membership.ts'
import { decodeSessionKeys, readSessionKeys, unwrapSessionSecret } from '../../format/session-keys.ts'
import type { SessionKeys } from '../../format/session-keys.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import type { Store } from '../../store/store.ts'
import type { Act } from '../roles.ts'
import type { DomainKeys } from './domain-keys.ts'

export type Purpose = 'data' | 'meta'

/** Of a repository in one of its domains. */
export interface SessionKeySource {
  readonly id: Uint8Array
  readonly store: Store
  readonly suite: Suite
  readonly domain: { readonly id: Uint8Array }
  readonly domainKeys: DomainKeys
  readonly writers: { writer(wid: Uint8Array, act: Act, subject: string): Promise<WriterCertificate> }
  sealerOf(key: Uint8Array): Sealer
}

/** Sessions whose keys are kept for their other secret: 3 KiB each. */
const HALF_USED_MAX = 2048

export class SessionKeyRing {
  readonly #repo: SessionKeySource
  readonly #secrets = new Map<string, Promise<Uint8Array>>()
  readonly #sealers = new Map<string, Promise<Sealer>>()
  /** Keys of which one secret was asked for, by session id, hex. */
  readonly #halfUsed = new Map<string, SessionKeys>()
  /** Domains of the sessions whose keys were read, by session id, hex: shared by the domains of a credential. */
  readonly #domainIds: Map<string, Uint8Array>

  constructor(repo: SessionKeySource, domainIds = new Map<string, Uint8Array>()) {
    this.#repo = repo
    this.#domainIds = domainIds
  }

  /** The same for another domain of the credential. */
  inDomain(repo: SessionKeySource): SessionKeyRing {
    return new SessionKeyRing(repo, this.#domainIds)
  }

  /** Sealer for the blocks of a session. */
  sealer(sid: Uint8Array, purpose: Purpose): Promise<Sealer> {
    const key = `${purpose} ${toHex(sid)}`
    let known = this.#sealers.get(key)
    if (known === undefined) {
      known = this.secret(sid, purpose).then((secret) => this.#repo.sealerOf(secret))
      this.#sealers.set(key, known)
      known.catch(() => this.#sealers.delete(key))
    }
    return known
  }

  /**
   * The secret itself, 32 bytes: for worker threads. `wrong-key` when the credential may not read this, `ForeignObject` when
   * the session is of another domain.
   */
  secret(sid: Uint8Array, purpose: Purpose): Promise<Uint8Array> {
    const key = `${purpose} ${toHex(sid)}`
    let known = this.#secrets.get(key)
    if (known === undefined) {
      known = this.#open(sid, purpose)
      this.#secrets.set(key, known)
      known.catch(() => this.#secrets.delete(key))
    }
    return known
  }

  /** Keeps the secret of a session that this process runs itself. */
  learn(sid: Uint8Array, purpose: Purpose, secret: Uint8Array): void {
    this.#secrets.set(`${purpose} ${toHex(sid)}`, Promise.resolve(secret))
  }

  /** Takes note of keys of this domain that were read and checked for another reason. */
  note(keys: SessionKeys): void {
    const id = toHex(keys.sid)
    this.#domainIds.set(id, keys.domainId)
    if (this.#halfUsed.size < HALF_USED_MAX) this.#halfUsed.set(id, keys)
  }

  async #open(sid: Uint8Array, purpose: Purpose): Promise<Uint8Array> {
    const name = sessionKeysName(sid)
    const { domain, domainKeys } = this.#repo
    const privateKeys = domainKeys.privateKeys(purpose)
    if (privateKeys.length === 0) {
      throw new BackupError('wrong-key', `this credential may not read ${what(purpose)}`, name, {
        hint: 'use a credential with the role read or admin',
      })
    }
    const known = this.#domainIds.get(toHex(sid))
    if (known !== undefined && !equalBytes(known, domain.id)) throw new ForeignObject(name, known)
    const keys = await this.#keysOf(sid, name)
    return doing('opening a session’s keys', name, async () => {
      const scope = { repoId: this.#repo.id, suite: this.#repo.suite }
      for (const { recipient, privateKey } of privateKeys) {
        const secret = unwrapSessionSecret(keys, purpose, privateKey, scope, name, recipient)
        if (secret !== null) return secret
      }
      throw domainKeys.lackError(name)
    })
  }

  /** Keys of a session of this domain, checked: read once for both of its secrets. */
  async #keysOf(sid: Uint8Array, name: string): Promise<SessionKeys> {
    const id = toHex(sid)
    const kept = this.#halfUsed.get(id)
    if (kept !== undefined) {
      this.#halfUsed.delete(id)
      return kept
    }
    const bytes = await this.#fetch(name)
    return doing('opening a session’s keys', name, async () => {
      const writer = await this.#repo.writers.writer(readSessionKeys(bytes, name).wid, 'store', name)
      const keys = decodeSessionKeys(bytes, name, writer)
      if (!equalBytes(keys.sid, sid)) throw new BackupError('corrupt', 'these are the keys of another session', name)
      checkMember(writer, keys.domainId, name)
      this.#domainIds.set(id, keys.domainId)
      if (!equalBytes(keys.domainId, this.#repo.domain.id)) throw new ForeignObject(name, keys.domainId)
      if (this.#halfUsed.size < HALF_USED_MAX) this.#halfUsed.set(id, keys)
      return keys
    })
  }

  async #fetch(name: string): Promise<Uint8Array> {
    try {
      return await this.#repo.store.get(name)
    } catch (cause) {
      if (codeOf(cause) !== 'not-found') throw cause
      throw new BackupError('corrupt', 'the keys of a session are missing; what it stored cannot be opened', name, {
        cause,
        hint: 'restore the object from a copy of the store',
      })
    }
  }
}

function what(purpose: Purpose): string {
  return purpose === 'data' ? 'the content of files' : 'trees and snapshots'
}
