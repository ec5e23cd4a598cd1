// Writers whose certificates came after the certificates were read: of a machine that made its first backup meanwhile.
import { codeOf } from '../../base/errors.ts'
import { fromHex } from '../../base/bytes.ts'
import { parseObjectName, writerName } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import type { Store } from '../../store/store.ts'
import { UnknownWriter } from './object-verifier.ts'
import type { ObjectVerifier, Verified } from './object-verifier.ts'

/** As `verifier.verify`; the certificate of a writer that it does not know yet is looked for by its name. */
export async function verifyMeeting(
  store: Store,
  verifier: ObjectVerifier,
  { name, parsed }: { readonly name: string; readonly parsed: ObjectName },
  bytes: Uint8Array,
): Promise<Verified> {
  try {
    return verifier.verify(name, parsed, bytes)
  } catch (cause) {
    if (!(cause instanceof UnknownWriter)) throw cause
    const certificate = writerName(fromHex(cause.wid)!)
    let found: Uint8Array
    try {
      found = await store.get(certificate)
    } catch (error) {
      throw codeOf(error) === 'not-found' ? cause : error
    }
    verifier.verify(certificate, parseObjectName(certificate)!, found)
    return verifier.verify(name, parsed, bytes)
  }
}
