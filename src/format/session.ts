// docs/format.md, 8: what a writer leaves in the repository while it works.
//
//   intent            header (8) | wid (16) | seal(K_idx, 5, wid, CBOR body) | signature (64)
//   heartbeat, end    header (8) | sid (16) | wid (16) | n (u32) | signature (64)
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import type { Suite } from '../crypto/seal.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { limitedText, need, withUnknown } from './fields.ts'
import { readU32, writeU32 } from './integers.ts'
import { ID_SIZE, NAME_NUMBER_MAX } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import {
  checkSignedObject,
  checkWriterId,
  openSignedPart,
  sealSignedPart,
  signedContent,
  signObject,
  writerIdOf,
} from './signed-object.ts'
import type { SignedPartReader, SignedPartWriter } from './signed-object.ts'
import { SHORT_TEXT_MAX } from './snapshot-body.ts'

export interface SessionIntent {
  readonly sid: Uint8Array
  readonly started: Timespec
  readonly host: string
  readonly toolVersion: string
  readonly unknown?: readonly RawField[]
}

/** A sign of life, or the end of a session. */
export interface SessionMark {
  readonly sid: Uint8Array
  readonly wid: Uint8Array
  /** Number of the heartbeat as in its name; 'end' when the session is over. */
  readonly number: number | 'end'
}

const MARK_CONTENT_SIZE = 2 * ID_SIZE + 4
const END_NUMBER = 0xffff_ffff

/** The bytes of `sess/<sid>`; `sealer` is of `K_idx`. */
export function encodeSessionIntent(intent: SessionIntent, keys: SignedPartWriter): Uint8Array {
  assert(intent.sid.length === ID_SIZE, 'a session id has 16 bytes')
  const w = new CborWriter().openMap()
  w.key(0).bytes(intent.sid)
  w.key(1).timespec(intent.started)
  w.key(2).text(limitedText(intent.host, SHORT_TEXT_MAX, 'host name'))
  w.key(3).text(limitedText(intent.toolVersion, SHORT_TEXT_MAX, 'version'))
  const body = w.rawFields(intent.unknown).closeMap().finish()
  return sealSignedPart(OBJECT_TYPES.sessionIntent, body, keys)
}

/** Reads an intent; `readSignerId(OBJECT_TYPES.sessionIntent, …)` tells first whose it is. `corrupt` naming `subject`. */
export function decodeSessionIntent(bytes: Uint8Array, subject: string, keys: SignedPartReader): SessionIntent {
  const { body } = openSignedPart(OBJECT_TYPES.sessionIntent, bytes, subject, keys)
  const r = new CborReader(body, subject)
  const intent: { -readonly [K in keyof SessionIntent]?: SessionIntent[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) intent.sid = r.fixed(ID_SIZE)
    else if (key === 1) intent.started = r.timespec()
    else if (key === 2) intent.host = r.text(SHORT_TEXT_MAX)
    else if (key === 3) intent.toolVersion = r.text(SHORT_TEXT_MAX)
    else return false
    return true
  })
  r.end()
  return {
    sid: need(r, intent.sid, 'session id'),
    started: need(r, intent.started, 'time of start'),
    host: need(r, intent.host, 'host'),
    toolVersion: need(r, intent.toolVersion, 'version'),
    ...withUnknown(unknown),
  }
}

/** The bytes of `sess/<sid>.hb<n>` or `.end`. */
export function encodeSessionMark(
  { sid, number }: Omit<SessionMark, 'wid'>,
  { suite, signer }: { readonly suite: Suite; readonly signer: SigningKey },
): Uint8Array {
  assert(sid.length === ID_SIZE, 'a session id has 16 bytes')
  assert(number === 'end' || number <= NAME_NUMBER_MAX, 'a heartbeat has a number of 32 bits')
  const content = new Uint8Array(MARK_CONTENT_SIZE)
  content.set(sid, 0)
  content.set(writerIdOf(signer.publicKey), ID_SIZE)
  writeU32(content, 2 * ID_SIZE, number === 'end' ? END_NUMBER : number)
  return signObject(OBJECT_TYPES.sessionMark, suite, [content], signer)
}

/** What a mark says, not checked: needs no key and proves nothing. */
export function readSessionMark(bytes: Uint8Array, subject: string): SessionMark {
  return parseMark(signedContent(OBJECT_TYPES.sessionMark, bytes, subject), subject)
}

/** Reads a mark and checks its signature. */
export function decodeSessionMark(
  bytes: Uint8Array,
  subject: string,
  { publicKey }: { readonly publicKey: Uint8Array },
): SessionMark {
  const { content } = checkSignedObject(OBJECT_TYPES.sessionMark, bytes, subject, publicKey)
  const mark = parseMark(content, subject)
  checkWriterId(mark.wid, publicKey, subject)
  return mark
}

function parseMark(content: Uint8Array, subject: string): SessionMark {
  if (content.length !== MARK_CONTENT_SIZE) {
    throw new BackupError('corrupt', `session mark has ${content.length} bytes, not ${MARK_CONTENT_SIZE}`, subject)
  }
  const number = readU32(content, 2 * ID_SIZE)
  return {
    sid: content.slice(0, ID_SIZE),
    wid: content.slice(ID_SIZE, 2 * ID_SIZE),
    number: number === END_NUMBER ? 'end' : number,
  }
}
