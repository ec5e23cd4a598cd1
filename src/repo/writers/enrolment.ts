// How a machine is let in that has no key yet. It puts a request into the store, whose code a person carries to the
// administrator; the administrator's client answers with a certificate and a key slot that only that machine opens. No
// secret leaves either side. The code is what keeps the store from putting another machine in its place; the fingerprint
// of the root key, which is carried the other way, what keeps it from putting another repository there.
import type { Clock } from '../../base/clock.ts'
import { toBase32, typedBase32 } from '../../base/base32.ts'
import { equalBytes, fromHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import { timespecFromMs } from '../../base/time.ts'
import type { Recipient } from '../../credentials/credential.ts'
import { hash } from '../../crypto/hash.ts'
import type { Suite } from '../../crypto/seal.ts'
import { signingKeyFromSeed } from '../../crypto/signing.ts'
import type { Bundle, Role } from '../../format/bundle.ts'
import { decodeEnrolmentRequest, encodeEnrolmentRequest, ENROLMENT_SIZE_MAX } from '../../format/enrolment-request.ts'
import type { EnrolmentRequest } from '../../format/enrolment-request.ts'
import { enrolmentName, parseObjectName, PREFIXES } from '../../format/names.ts'
import { writerIdOf } from '../../format/signed-object.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { addSlot } from '../keys/keyring.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import { putCertificate } from './writer-certificate.ts'
import { cannotGive, restrictBundle } from '../roles.ts'

/** Requests that are read: more are the work of somebody who wants to hide one among them. */
const REQUESTS_MAX = 256

export interface StoredRequest {
  readonly name: string
  /** What people compare, `b3xq7-...`. */
  readonly code: string
  readonly request: EnrolmentRequest
  readonly receivedMs: number
}

/** Asks in the name of the machine with this writer's seed; gives the code. */
export async function requestEnrolment(
  store: Store,
  opts: { readonly repoId: Uint8Array; readonly seed: Uint8Array; readonly recipient: string; readonly clock: Clock },
): Promise<string> {
  const created = timespecFromMs(opts.clock.now())
  const bytes = encodeEnrolmentRequest(
    { repoId: opts.repoId, recipient: opts.recipient, created },
    signingKeyFromSeed(opts.seed),
  )
  const name = enrolmentName(hash(bytes))
  await doing('asking to be enrolled', name, () => store.put(name, [bytes]))
  return codeOfRequest(name)
}

/** Requests for this repository, oldest first by the store's time. Damaged ones and those for another are passed over. */
export async function listRequests(store: Store, repoId: Uint8Array): Promise<StoredRequest[]> {
  const found: StoredRequest[] = []
  let read = 0
  for await (const { name, size, receivedMs } of listAll(store, PREFIXES.enrolments)) {
    if (parseObjectName(name)?.kind !== 'enrolment' || size > ENROLMENT_SIZE_MAX) continue
    if (++read > REQUESTS_MAX) {
      throw new BackupError('limit', `more than ${REQUESTS_MAX} requests to be enrolled`, PREFIXES.enrolments, {
        hint: 'somebody floods the store; remove the folder and let the new machine ask again',
      })
    }
    try {
      const request = decodeEnrolmentRequest(await getNamedByHash(store, name), name)
      if (equalBytes(request.repoId, repoId)) found.push({ name, code: codeOfRequest(name), request, receivedMs })
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    }
  }
  return found.toSorted((a, b) => a.receivedMs - b.receivedMs)
}

export interface Approval {
  readonly role: Role
  readonly domains?: readonly string[]
  /** Of the machine, as `key list` and certificates show it. */
  readonly name: string
  readonly recipientOf: (text: string) => Promise<Recipient>
  readonly clock: Clock
  readonly random: SecureRandom
  readonly suite: Suite
}

/**
 * Lets the machine in whose request has this code: a certificate for its writer where the role signs, a key slot for its
 * recipient; then removes the request. Throws `not-found` for a code that no request has, `wrong-key` for somebody who is no
 * administrator.
 */
export async function approveEnrolment(
  store: Store,
  own: Bundle,
  code: string,
  { role, domains, name, recipientOf, clock, random, suite }: Approval,
): Promise<{ readonly slotName: string; readonly wid: Uint8Array }> {
  if (own.rootSeed === undefined) throw cannotGive(role, own)
  const wanted = typedBase32(code)
  const requests = await listRequests(store, own.repoId)
  const found = requests.find((request) => typedBase32(request.code) === wanted)
  if (found === undefined) {
    throw new BackupError('not-found', 'no machine has asked with this code', code, {
      hint: 'compare it with what `holdfast enroll request` shows on the new machine',
    })
  }
  const { publicKey, recipient } = found.request
  const bundle = restrictBundle(own, { role, random, ...(domains !== undefined && { domains }) })
  if (role !== 'report') await putCertificate(own, bundle, publicKey, { store, clock, name, suite })
  const slotName = await addSlot(store, bundle, await recipientOf(recipient), {
    created: timespecFromMs(clock.now()),
    random,
    suite,
    label: name,
    maker: own,
  })
  await doing('removing the request', found.name, () => store.delete(found.name))
  return { slotName, wid: writerIdOf(publicKey) }
}

/** Letters of a code, 100 bits of the hash: whoever wants another request with the same code tries 2^100. */
const CODE_LENGTH = 20
const CODE_GROUP = /.{5}/g

function codeOfRequest(name: string): string {
  const digest = fromHex(name.slice(name.lastIndexOf('/') + 1))!
  return toBase32(digest).slice(0, CODE_LENGTH).match(CODE_GROUP)!.join('-')
}
