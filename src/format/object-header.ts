// docs/format.md, 1.2: the eight bytes in the clear that begin every object.
//
//   offset  size  field
//   0       4     48 46 53 54 ("HFST")
//   4       1     object type
//   5       1     version of that type
//   6       1     suite
//   7       1     0
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import type { Suite } from '../crypto/seal.ts'

export const HEADER_SIZE = 8
export const OBJECT_VERSION = 1

export const OBJECT_TYPES = {
  dataPack: 1,
  metaPack: 2,
  indexSegment: 3,
  snapshot: 4,
  sessionIntent: 5,
  sessionKeys: 6,
  keySlot: 7,
  writerCertificate: 8,
  deletionPlan: 9,
  logRecord: 10,
  repoDescription: 11,
  sessionMark: 12,
  enrolmentRequest: 13,
  parity: 14,
} as const

/** Types of sealed parts that are not whole objects; they go into the additional data of a seal. */
export const SEALED_TYPES = {
  dataBlock: 32,
  metaBlock: 33,
  directory: 34,
  trailer: 35,
  bundle: 36,
  slotLabel: 37,
  sessionSecret: 38,
  localState: 39,
  slotDetail: 40,
  snapshotSummary: 41,
  slotShare: 42,
  slotHolder: 43,
} as const

export type ObjectType = (typeof OBJECT_TYPES)[keyof typeof OBJECT_TYPES]

/** The kind of each object type, as it stands in messages. */
export const OBJECT_TYPE_NAMES: Readonly<Record<ObjectType, string>> = {
  1: 'data pack',
  2: 'meta pack',
  3: 'index segment',
  4: 'snapshot',
  5: 'session intent',
  6: 'session keys',
  7: 'key slot',
  8: 'writer certificate',
  9: 'deletion plan',
  10: 'log record',
  11: 'repository description',
  12: 'session mark',
  13: 'enrolment request',
  14: 'parity',
}

const MAGIC = [0x48, 0x46, 0x53, 0x54] as const
const SUITE_MAX = 2

export function encodeHeader(type: ObjectType, suite: Suite): Uint8Array {
  return new Uint8Array([...MAGIC, type, OBJECT_VERSION, suite, 0])
}

/**
 * Checks the header of an object that has to be of `type` and gives its suite. `unsupported` when the object is of a
 * version or suite that this code does not know, `corrupt` for everything else.
 */
export function checkHeader(bytes: Uint8Array, type: ObjectType, subject: string): Suite {
  const found = readHeader(bytes, subject)
  if (found.type !== type) {
    throw new BackupError('corrupt', `is a ${OBJECT_TYPE_NAMES[found.type]}, not a ${OBJECT_TYPE_NAMES[type]}`, subject)
  }
  return found.suite
}

/** The header of an object of any type; throws like `checkHeader`. */
export function readHeader(bytes: Uint8Array, subject: string): { readonly type: ObjectType; readonly suite: Suite } {
  if (bytes.length < HEADER_SIZE) {
    throw new BackupError('corrupt', `object has ${bytes.length} bytes, fewer than its header`, subject)
  }
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw new BackupError('corrupt', 'object does not begin as a Holdfast object', subject)
  }
  const [type, version, suite, zero] = bytes.subarray(4, HEADER_SIZE) as Uint8Array & [number, number, number, number]
  // A later version may have new types too, so the version comes first among the reasons to refuse.
  if (version !== OBJECT_VERSION) {
    throw version === 0
      ? new BackupError('corrupt', 'object has version 0', subject)
      : unsupported(`object has version ${version}, this program knows ${OBJECT_VERSION}`, subject)
  }
  if (!isObjectType(type)) throw unsupported(`object has unknown type ${type}`, subject)
  if (suite > SUITE_MAX) throw unsupported(`object has unknown suite ${suite}`, subject)
  if (zero !== 0) throw new BackupError('corrupt', `header ends with ${zero}, not 0`, subject)
  return { type, suite: suite as Suite }
}

/** The suite for parts that hold keys: never in the clear, also where content is. */
export function keySealingSuite(suite: Suite): 1 | 2 {
  return suite === 0 ? 1 : suite
}

/** Joins header and parts into the bytes of an object. */
export function joinObject(type: ObjectType, suite: Suite, ...parts: readonly Uint8Array[]): Uint8Array {
  let size = HEADER_SIZE
  for (const part of parts) size += part.length
  const bytes = new Uint8Array(size)
  bytes.set(encodeHeader(type, suite))
  let at = HEADER_SIZE
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  assert(at === size, 'the parts fill the object')
  return bytes
}

function isObjectType(type: number): type is ObjectType {
  return Object.hasOwn(OBJECT_TYPE_NAMES, type)
}

function unsupported(what: string, subject: string): BackupError {
  return new BackupError('unsupported', what, subject, { hint: 'use a newer version of Holdfast for this repository' })
}
