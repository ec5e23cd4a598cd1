// Certificates of writers, read once each and checked against the root key.
import { toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, doing } from '../../base/errors.ts'
import { writerName } from '../../format/names.ts'
import { decodeWriterCertificate } from '../../format/writer-cert.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import type { Store } from '../../store/store.ts'
import { checkAct } from '../roles.ts'
import type { Act } from '../roles.ts'

export class WriterDirectory {
  readonly #store: Store
  readonly #rootPublic: Uint8Array
  readonly #known = new Map<string, Promise<WriterCertificate>>()

  constructor(store: Store, rootPublic: Uint8Array) {
    this.#store = store
    this.#rootPublic = rootPublic
  }

  /**
   * Public key of the writer of an object that it may only have signed as such an act; `corrupt` when no valid certificate
   * stands for it, `NotPermitted` when its role does not permit that.
   */
  async publicKey(wid: Uint8Array, act: Act, subject: string): Promise<Uint8Array> {
    return (await this.writer(wid, act, subject)).publicKey
  }

  /** The same with the rest of its certificate. */
  async writer(wid: Uint8Array, act: Act, subject: string): Promise<WriterCertificate> {
    const certificate = await this.certificate(wid)
    checkAct(certificate.role, act, subject)
    return certificate
  }

  certificate(wid: Uint8Array): Promise<WriterCertificate> {
    const key = toHex(wid)
    let known = this.#known.get(key)
    if (known === undefined) {
      known = this.#read(key)
      this.#known.set(key, known)
      // A failure is not remembered: the store may answer next time.
      known.catch(() => this.#known.delete(key))
    }
    return known
  }

  async #read(wid: string): Promise<WriterCertificate> {
    const name = writerName(wid)
    try {
      const bytes = await this.#store.get(name)
      const certificate = decodeWriterCertificate(bytes, name, { rootPublic: this.#rootPublic })
      if (toHex(certificate.wid) === wid) return certificate
      throw new BackupError('corrupt', 'this is the certificate of another writer', name)
    } catch (cause) {
      if (codeOf(cause) !== 'not-found')
        return doing('reading a writer’s certificate', name, () => Promise.reject(cause))
      throw new BackupError('corrupt', 'the certificate of a writer is missing', name, {
        cause,
        hint: 'without it nothing that this writer stored can be trusted; restore the object from a copy of the store',
      })
    }
  }
}
