// Sealing (docs/format.md, 1.3):
//
//   offset  size  field
//   0       24    salt: keyed hash of the plaintext and of what the part is
//   24      n     ciphertext
//   24 + n  16    tag
//
// The key of each part comes from its salt. So sealing is a pure function, and no nonce can meet two different texts.
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { releaseMemory, uninitialised } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { deriveKey, KEY_SIZE, keyedHash, keyedHashOfParts, keyedHashOnce } from './hash.ts'

/** A sealed part is damaged, or was sealed under another key or for another place: nobody can tell which. */
export class SealError extends BackupError {
  constructor(
    subject: string,
    { what = 'sealed part is not authentic', ...opts }: { what?: string; cause?: unknown } = {},
  ) {
    super('corrupt', what, subject, opts)
  }
}

/** 0 authenticated only, 1 AES-256-GCM, 2 ChaCha20-Poly1305. */
export type Suite = 0 | 1 | 2

export const REPO_ID_SIZE = 16
export const SALT_SIZE = 24
export const TAG_SIZE = 16
/** Bytes that a sealed part has more than its plaintext. */
export const SEAL_OVERHEAD = SALT_SIZE + TAG_SIZE
/** 64 MiB, the largest object of a repository; no part of one is longer. */
export const SEALED_SIZE_MAX = 64 * 1024 * 1024

/**
 * node:crypto returns each piece of text in an array of its own, which is then copied to its place. Pieces of 128 KiB come
 * from the processor's cache, and their memory from the pool of the C library: larger ones the system would clear and map
 * anew each time (the launcher sets that limit). Of 1 MiB, the hash for the salt takes 115 microseconds, AES-256-GCM 100,
 * the copy 30 (ChaCha20-Poly1305 275).
 */
const PIECE_SIZE = 128 * 1024

export interface OpenOptions {
  /**
   * Whether to compute the salt of the opened plaintext again and compare it; true unless stated. AES-GCM and Poly1305
   * alone do not bind a text to one key: somebody who knows two keys can make one part that opens under both. With this
   * check they cannot. It costs one BLAKE3 pass, about a third of the time of `open`; turn it off only where the
   * plaintext is compared with a keyed hash afterwards, as the blobs of a block are.
   */
  readonly checkSalt?: boolean
  /** Where the plaintext is put, from the start; fresh memory if it is absent or too short. */
  readonly into?: Uint8Array
}

/** Seals and opens parts under one key of one repository. */
export class Sealer {
  readonly suite: Suite
  readonly #repoId: Uint8Array
  readonly #saltRoot: Uint8Array
  readonly #sealRoot: Uint8Array

  constructor(key: Uint8Array, repoId: Uint8Array, suite: Suite) {
    assert(key.length === KEY_SIZE, 'a sealing key has 32 bytes')
    assert(repoId.length === REPO_ID_SIZE, 'a repository id has 16 bytes')
    assert(suite === 0 || suite === 1 || suite === 2, 'a suite is 0, 1 or 2')
    this.suite = suite
    this.#repoId = new Uint8Array(repoId) // not slice(): of a Buffer that is a view
    this.#saltRoot = deriveKey('holdfast 1 salt', key)
    this.#sealRoot = deriveKey('holdfast 1 seal', key)
  }

  /**
   * `salt | ciphertext | tag` in an array that owns the whole of its ArrayBuffer, so that it can be transferred to
   * another thread. Equal arguments give equal bytes.
   */
  seal(type: number, context: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const length = plaintext.length
    assert(length <= SEALED_SIZE_MAX - SEAL_OVERHEAD, 'a part to be sealed is at most 64 MiB')
    const what = this.#describe(type, context)
    const salt = this.#salt(what, plaintext)
    const partKey = keyedHash(this.#sealRoot, salt)
    const sealed = uninitialised(length + SEAL_OVERHEAD)
    sealed.set(salt, 0)
    if (this.suite === 0) {
      sealed.set(plaintext, SALT_SIZE)
      sealed.set(clearTag(partKey, what, plaintext), SALT_SIZE + length)
      return sealed
    }
    const cipher = newCipher(this.suite, partKey)
    cipher.setAAD(what, { plaintextLength: length })
    for (let at = 0; at < length; at += PIECE_SIZE) {
      const piece = cipher.update(plaintext.subarray(at, at + PIECE_SIZE))
      sealed.set(piece, SALT_SIZE + at)
      releaseMemory(piece)
    }
    cipher.final()
    sealed.set(cipher.getAuthTag(), SALT_SIZE + length)
    return sealed
  }

  /**
   * The plaintext of a sealed part. Throws `corrupt` naming `subject` when a single bit is not as it was sealed, or key,
   * repository, type or context are not those it was sealed with; these cannot be told apart.
   */
  open(
    type: number,
    context: Uint8Array,
    sealed: Uint8Array,
    subject: string,
    { checkSalt = true, into }: OpenOptions = {},
  ): Uint8Array {
    const length = sealed.length - SEAL_OVERHEAD
    if (length < 0) {
      throw new BackupError('corrupt', `sealed part has ${sealed.length} bytes, fewer than ${SEAL_OVERHEAD}`, subject)
    }
    if (sealed.length > SEALED_SIZE_MAX) {
      throw new BackupError('corrupt', `sealed part has ${sealed.length} bytes, more than ${SEALED_SIZE_MAX}`, subject)
    }
    const what = this.#describe(type, context)
    const salt = sealed.subarray(0, SALT_SIZE)
    const text = sealed.subarray(SALT_SIZE, SALT_SIZE + length)
    const tag = sealed.subarray(SALT_SIZE + length)
    const partKey = keyedHash(this.#sealRoot, salt)
    const room = into !== undefined && into.length >= length ? into.subarray(0, length) : uninitialised(length)
    const plaintext =
      this.suite === 0 ? openClear(partKey, what, text, tag, room) : decrypt(this.suite, partKey, what, text, tag, room)
    if (plaintext === null || (checkSalt && !timingSafeEqual(salt, this.#salt(what, plaintext)))) {
      throw new SealError(subject)
    }
    return plaintext
  }

  /** The additional data, `repoId | suite | type | context`. */
  #describe(type: number, context: Uint8Array): Uint8Array {
    assert(Number.isInteger(type) && type >= 0 && type <= 255, 'the type of a sealed part is one byte')
    const what = new Uint8Array(REPO_ID_SIZE + 2 + context.length)
    what.set(this.#repoId, 0)
    what[REPO_ID_SIZE] = this.suite
    what[REPO_ID_SIZE + 1] = type
    what.set(context, REPO_ID_SIZE + 2)
    return what
  }

  #salt(what: Uint8Array, plaintext: Uint8Array): Uint8Array {
    // The key differs from context to context (that of a block has its length), so there is no hasher to keep.
    const key = keyedHash(this.#saltRoot, what.subarray(REPO_ID_SIZE))
    return keyedHashOnce(key, plaintext).subarray(0, SALT_SIZE)
  }
}

/** Each key seals one text only, so its nonce need not vary. */
const NONCE = new Uint8Array(12)
const TAG_OPTION = { authTagLength: TAG_SIZE }

function newCipher(suite: 1 | 2, key: Uint8Array) {
  return suite === 1
    ? createCipheriv('aes-256-gcm', key, NONCE, TAG_OPTION)
    : createCipheriv('chacha20-poly1305', key, NONCE, TAG_OPTION)
}

function newDecipher(suite: 1 | 2, key: Uint8Array) {
  return suite === 1
    ? createDecipheriv('aes-256-gcm', key, NONCE, TAG_OPTION)
    : createDecipheriv('chacha20-poly1305', key, NONCE, TAG_OPTION)
}

function decrypt(
  suite: 1 | 2,
  key: Uint8Array,
  what: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
  room: Uint8Array,
): Uint8Array | null {
  const decipher = newDecipher(suite, key)
  decipher.setAAD(what, { plaintextLength: text.length })
  decipher.setAuthTag(tag)
  for (let at = 0; at < text.length; at += PIECE_SIZE) {
    const piece = decipher.update(text.subarray(at, at + PIECE_SIZE))
    room.set(piece, at)
    releaseMemory(piece)
  }
  try {
    decipher.final()
  } catch {
    return null // the tag does not match; the unauthenticated plaintext ends here
  }
  return room
}

/** The tag of suite 0, where the AEAD's key is the key of the part. */
function clearTag(partKey: Uint8Array, what: Uint8Array, text: Uint8Array): Uint8Array {
  const key = deriveKey('holdfast 1 suite 0 tag', partKey)
  return keyedHashOfParts(key, [what, text]).subarray(0, TAG_SIZE)
}

function openClear(
  partKey: Uint8Array,
  what: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
  room: Uint8Array,
): Uint8Array | null {
  if (!timingSafeEqual(tag, clearTag(partKey, what, text))) return null
  room.set(text)
  return room
}
