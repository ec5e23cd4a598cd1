// Tells states of a store apart by the names of what is there: objects never change, so what was missing in one state can be
// there only in another one.
import { toHex } from '../../base/bytes.ts'
import { IncrementalHash } from '../../crypto/hash.ts'
import { PREFIXES } from '../../format/names.ts'

export class NameDigest {
  readonly #hash = new IncrementalHash()

  /** To be called for all names in their order. Signs of life of sessions make no difference. */
  add(name: string): void {
    if (!name.startsWith(PREFIXES.sessions)) this.#hash.update(Buffer.from(`${name}\n`))
  }

  digest(): string {
    return toHex(this.#hash.digest())
  }
}
