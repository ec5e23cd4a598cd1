import type { ChainName, ChainPlace } from '../../format/log-record.ts'

/** A snapshot or a record whose signature, certificate and name are right. */
export interface AuditedObject {
  readonly chain: ChainName
  readonly objectName: string
  /** Of its writer, hex. */
  readonly wid: string
  readonly seq: number
  /** Hash of the object, hex. */
  readonly id: string
  /** Hash of the one before, hex; undefined for the first. */
  readonly previous: string | undefined
  /** When the store received it, in milliseconds since 1970 by its clock. */
  readonly receivedMs: number
  /** When it says it was made; undefined where the credential may not know that. */
  readonly claimedMs: number | undefined
}

/** With what it says that it had seen; undefined where the credential may not know that. */
export interface ReadObject {
  readonly object: AuditedObject
  readonly heads: readonly ChainPlace[] | undefined
}

/** How people call an object: `snapshot 3 of laptop (1f2e3d4c)`. */
export function titleOf(chain: ChainName, seq: number, writer: string): string {
  return `${chain} ${seq} of ${writer}`
}
