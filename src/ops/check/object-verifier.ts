// What can be said of an object without any key: that its name is the hash of its bytes, that it is what its name says,
// that its signature is that of its writer, whose certificate is signed by the root key.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { decodeDeletionPlan } from '../../format/deletion-plan.ts'
import { decodeEnrolmentRequest } from '../../format/enrolment-request.ts'
import { decodeKeySlot } from '../../format/key-slot.ts'
import { decodeLogRecord, readLogHead, verifyLogRecord } from '../../format/log-record.ts'
import type { LogRecordHead } from '../../format/log-record.ts'
import { hashInName, planName, sessionName, writerName } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import { checkHeader, OBJECT_TYPES, readHeader } from '../../format/object-header.ts'
import type { ObjectType } from '../../format/object-header.ts'
import { checkParityObject } from '../../format/parity-object.ts'
import { decodeRepoDescription } from '../../format/repo-description.ts'
import { decodeSessionIntent, decodeSessionMark, readSessionMark } from '../../format/session.ts'
import { decodeSessionKeys, readSessionKeys } from '../../format/session-keys.ts'
import { checkSignedObject, readSignerId } from '../../format/signed-object.ts'
import type { SignedPartReader } from '../../format/signed-object.ts'
import { readSnapshotHead, verifySnapshot } from '../../format/snapshot.ts'
import type { SnapshotHead } from '../../format/snapshot.ts'
import { decodeWriterCertificate } from '../../format/writer-cert.ts'
import type { WriterCertificate } from '../../format/writer-cert.ts'
import { checkMember, ForeignObject, hasOthers, openInDomains } from '../../repo/keys/membership.ts'
import type { DomainParts } from '../../repo/keys/membership.ts'
import { checkAct } from '../../repo/roles.ts'
import type { Act } from '../../repo/roles.ts'

/** What has to be known of a repository before its objects can be verified; all of it is in the clear. */
export interface PublicFacts {
  readonly repoId: Uint8Array
  readonly rootPublic: Uint8Array
}

/** What a verified object tells. */
export interface Verified {
  /** Of a snapshot. */
  readonly head?: SnapshotHead
  /** Of a record of the log. */
  readonly record?: LogRecordHead
  /** Who declared a session, hex. */
  readonly declaredBy?: string
  /** It is of a domain that the credential does not have, so that what is sealed in it was not looked at. */
  readonly foreign?: boolean
}

const NOTHING: Verified = {}
/** Of an object that has another hash than its name says. */
export const NOT_AS_NAMED = 'its bytes are not those its name promises'

export class ObjectVerifier {
  readonly #facts: PublicFacts | undefined
  readonly #domains: readonly DomainParts[]
  /** Public keys of writers by their id, as hex. */
  readonly #writers = new Map<string, WriterCertificate>()
  /** Writers whose certificates are there and damaged, hex. */
  readonly #damagedWriters = new Set<string>()

  /**
   * Without facts (the description is lost) only hashes and headers are verified. With the keys of domains intents and plans
   * are opened too: what they are called stands in their sealed part alone.
   */
  constructor(facts: PublicFacts | undefined, domains: readonly DomainParts[] = []) {
    this.#facts = facts
    this.#domains = domains
  }

  /** Whether some writer is of a domain that is not among those whose keys were given: then there are objects of others. */
  get hasForeignDomains(): boolean {
    const own = this.#domains.map(({ domain }) => domain.id)
    return own.length > 0 && this.#writers.values().some((writer) => hasOthers(writer, own))
  }

  /**
   * Throws `corrupt` or `unsupported` naming the object if its bytes are not what they were. Certificates of writers have
   * to come before what the writers signed; where one is damaged or missing, it is the certificate that the error is
   * about and not all that its writer signed. Signatures of packs are those of the index segments that name them.
   */
  verify(name: string, parsed: ObjectName, bytes: Uint8Array): Verified {
    if (!hasNamedHash(parsed, bytes)) {
      throw new BackupError('corrupt', NOT_AS_NAMED, name)
    }
    const facts = this.#facts
    if (facts === undefined) {
      readHeader(bytes, name)
      return NOTHING
    }
    switch (parsed.kind) {
      case 'description':
        decodeRepoDescription(bytes, name, facts)
        return NOTHING
      case 'key-slot':
        decodeKeySlot(bytes, name)
        return NOTHING
      case 'writer':
        return this.#certificate(name, parsed.wid, bytes, facts)
      case 'pack':
        checkHeader(bytes, parsed.packKind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, name)
        return NOTHING
      case 'index':
        return this.#signed(OBJECT_TYPES.indexSegment, name, bytes)
      case 'snapshot':
      case 'trash':
        return this.#snapshot(name, parsed, bytes, facts)
      case 'session':
        return {
          ...this.#sealed(OBJECT_TYPES.sessionIntent, name, bytes, (keys) =>
            sessionName(decodeSessionIntent(bytes, name, keys).sid),
          ),
          declaredBy: toHex(readSignerId(OBJECT_TYPES.sessionIntent, bytes, name)),
        }
      case 'heartbeat':
        return this.#mark(name, parsed.sid, parsed.number, bytes)
      case 'session-end':
        return this.#mark(name, parsed.sid, 'end', bytes)
      case 'session-keys':
        return this.#sessionKeys(name, parsed.sid, bytes)
      case 'plan':
        return this.#sealed(OBJECT_TYPES.deletionPlan, name, bytes, (keys) =>
          planName(decodeDeletionPlan(bytes, name, keys).pid),
        )
      case 'log':
        return this.#record(name, parsed, bytes, facts)
      // It is known to be damaged.
      case 'set-aside':
        return NOTHING
      case 'parity':
        checkParityObject(bytes, name)
        return NOTHING
      case 'enrolment':
        decodeEnrolmentRequest(bytes, name)
        return NOTHING
    }
  }

  #certificate(name: string, wid: string, bytes: Uint8Array, facts: PublicFacts): Verified {
    try {
      const certificate = decodeWriterCertificate(bytes, name, facts)
      if (toHex(certificate.wid) !== wid) throw otherName(name)
      this.#writers.set(wid, certificate)
      return NOTHING
    } catch (cause) {
      this.#damagedWriters.add(wid)
      throw cause
    }
  }

  #snapshot(
    name: string,
    { wid, seq }: { wid: string; seq: number },
    bytes: Uint8Array,
    { repoId }: PublicFacts,
  ): Verified {
    const claimed = readSnapshotHead(bytes, name, repoId)
    const { publicKey } = this.#writer(claimed.wid, name, 'snapshot', true)
    const head = verifySnapshot(bytes, name, { publicKey, repoId })
    if (toHex(head.wid) !== wid || head.seq !== seq) throw otherName(name)
    return { head }
  }

  #record(
    name: string,
    { wid, seq }: { wid: string; seq: number },
    bytes: Uint8Array,
    { repoId }: PublicFacts,
  ): Verified {
    const claimed = readLogHead(bytes, name, repoId)
    const writer = this.#writer(claimed.wid, name, 'log', true)
    const head = verifyLogRecord(bytes, name, { publicKey: writer.publicKey, repoId })
    if (toHex(head.wid) !== wid || head.seq !== seq) throw otherName(name)
    if (this.#domains.length === 0) return { record: head }
    const verified = unlessForeign(() => {
      openInDomains(this.#domains, writer, name, (keys) => decodeLogRecord(bytes, name, { ...keys, repoId }))
    })
    return { ...verified, record: head }
  }

  #mark(name: string, sid: string, number: number | 'end', bytes: Uint8Array): Verified {
    const { publicKey } = this.#writer(readSessionMark(bytes, name).wid, name, 'store')
    const mark = decodeSessionMark(bytes, name, { publicKey })
    if (toHex(mark.sid) !== sid || mark.number !== number) throw otherName(name)
    return NOTHING
  }

  #sessionKeys(name: string, sid: string, bytes: Uint8Array): Verified {
    const writer = this.#writer(readSessionKeys(bytes, name).wid, name, 'store')
    const keys = decodeSessionKeys(bytes, name, writer)
    if (!equalBytes(keys.sid, fromHex(sid)!)) throw otherName(name)
    checkMember(writer, keys.domainId, name)
    return NOTHING
  }

  #signed(type: ObjectType, name: string, bytes: Uint8Array): Verified {
    const intact = type === OBJECT_TYPES.indexSegment
    const { publicKey } = this.#writer(readSignerId(type, bytes, name), name, actOf(type), intact)
    checkSignedObject(type, bytes, name, publicKey)
    return NOTHING
  }

  #sealed(type: ObjectType, name: string, bytes: Uint8Array, ownName: (keys: SignedPartReader) => string): Verified {
    if (this.#domains.length === 0) return this.#signed(type, name, bytes)
    const writer = this.#writer(readSignerId(type, bytes, name), name, actOf(type))
    return unlessForeign(() => {
      if (openInDomains(this.#domains, writer, name, ownName).opened !== name) throw otherName(name)
    })
  }

  /** `intact`: the hash in its name has shown that the object is as it was, so whose it is can be believed. */
  #writer(wid: Uint8Array, name: string, act: Act, intact = false): WriterCertificate {
    const hex = toHex(wid)
    const known = this.#writers.get(hex)
    if (known !== undefined) {
      checkAct(known.role, act, name)
      return known
    }
    const damaged = this.#damagedWriters.has(hex)
    const code = damaged ? 'corrupt' : 'not-found'
    const why = new BackupError(code, 'what this writer signed cannot be verified without it', writerName(hex))
    if (damaged) throw new BackupError(code, NOT_VERIFIED, name, { cause: why })
    if (intact) throw new UnknownWriter(hex, code, NOT_VERIFIED, name, { cause: why })
    throw new UnknownWriter(hex, 'corrupt', `its writer ${hex} has no certificate`, name)
  }
}

const NOT_VERIFIED = 'its signature cannot be verified'

/** No certificate of its writer came before an object. */
export class UnknownWriter extends BackupError {
  /** Hex. */
  readonly wid: string

  constructor(wid: string, ...error: ConstructorParameters<typeof BackupError>) {
    super(...error)
    this.wid = wid
  }
}

function unlessForeign(check: () => void): Verified {
  try {
    check()
    return NOTHING
  } catch (error) {
    if (error instanceof ForeignObject) return { foreign: true }
    throw error
  }
}

/** What a writer does who signs such an object. */
function actOf(type: ObjectType): Act {
  return type === OBJECT_TYPES.deletionPlan ? 'plan' : 'store'
}

/** Whether the bytes are those that the name promises, as far as it does. */
export function hasNamedHash(parsed: ObjectName, bytes: Uint8Array): boolean {
  const expected = hashInName(parsed)
  return expected === null || toHex(hash(bytes)) === expected
}

function otherName(name: string): BackupError {
  return new BackupError('corrupt', 'its content belongs to another name', name)
}
