// docs/format.md, 3.6: the kinds of key slots. What a kind needs so that its key can be found again stands here in one entry.
import { assert } from '../base/assert.ts'
import type { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { PASSPHRASE_SALT_SIZE } from '../crypto/passphrase.ts'
import type { PassphraseParams } from '../crypto/passphrase.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import { need, readList, writeList } from './fields.ts'

/** How the key of a slot is found. */
export type SlotMethod =
  | { readonly kind: 'passphrase'; readonly params: PassphraseParams }
  | { readonly kind: 'key-file'; /** 16 bytes, `keyFileId`. */ readonly id: Uint8Array }
  | { readonly kind: 'age'; /** A binary age file whose content is the slot secret. */ readonly file: Uint8Array }
  | {
      readonly kind: 'shares'
      /** What the shares are marked with, 4 bytes. */
      readonly set: Uint8Array
      /** How many of them give the slot secret. */
      readonly threshold: number
      /** How many were made. */
      readonly count: number
    }
  | { readonly kind: 'openpgp'; /** A binary OpenPGP message with the slot secret. */ readonly message: Uint8Array }
  | {
      readonly kind: 'pkcs11'
      /** Of the RSA key, 16 bytes; see `rsaKeyId`. */
      readonly keyId: Uint8Array
      /** Of OAEP and its MGF1. */
      readonly hash: OaepHash
      /** The slot secret, encrypted for the key. */
      readonly encrypted: Uint8Array
    }
  | {
      readonly kind: 'tpm'
      /** TPM2B_PUBLIC and TPM2B_PRIVATE of an object that is sealed under the storage key. */
      readonly publicArea: Uint8Array
      readonly privateArea: Uint8Array
      /** Whether the object has an authorisation value, a PIN. */
      readonly pin: boolean
    }
  | {
      readonly kind: 'several'
      /** How many of the parts are needed. */
      readonly threshold: number
      readonly parts: readonly SlotPart[]
    }
  | { readonly kind: 'other'; readonly number: number; /** Encoded. */ readonly params: Uint8Array }

/** One of the credentials that a slot needs together with others. */
export interface SlotPart {
  /** Not of kind `several`. */
  readonly method: SlotMethod
  /** A share of the slot secret, sealed for that credential. */
  readonly sealedShare: Uint8Array
}

/** Not every token can do SHA-256 here. For OAEP SHA-1 is not broken: it need not resist collisions. */
export type OaepHash = 'sha1' | 'sha256'

/** A kind that this version knows. */
export type SlotKind = Exclude<SlotMethod['kind'], 'other'>
/** A kind whose slots hold a random secret in a wrapping of their own; the sealing key comes from that secret. */
export type WrappingKind = Exclude<SlotKind, 'passphrase' | 'key-file'>

export const SLOT_SECRET_SIZE = 32
/** A file for one recipient has 200 bytes, one for twenty post-quantum recipients 32 KiB. */
export const AGE_HEADER_MAX = 64 * 1024
/** After the header: nonce (16), the secret, tag (16). */
export const AGE_PAYLOAD_SIZE = 16 + SLOT_SECRET_SIZE + 16
/** A message for one RSA-4096 key has 600 bytes. */
export const OPENPGP_MESSAGE_MAX = 64 * 1024
const KEY_FILE_ID_SIZE = 16
const RSA_KEY_ID_SIZE = 16
/** RSA with 16,384 bits. */
export const RSA_BLOCK_MAX = 2048
/** A sealed object of 32 bytes has areas of 80 and 200 bytes. */
export const TPM_AREA_MAX = 1024
/** Nobody brings more credentials together; each can cost as much as a slot of its own. */
export const PARTS_MAX = 16
/** A share of 33 bytes, sealed. */
export const SEALED_SHARE_SIZE = 33 + SEAL_OVERHEAD
const OAEP_HASHES: readonly OaepHash[] = ['sha1', 'sha256']
export const SHARE_SET_SIZE = 4
/** As many as a polynomial over a field of 256 elements has places besides 0. */
export const SHARES_MAX = 255

interface KindEntry<Method extends SlotMethod> {
  readonly number: number
  /** For messages: `the passphrase`. */
  readonly what: string
  /** The context of `DK` that makes the sealing key out of the slot secret, where there is one. */
  readonly context: Method['kind'] extends WrappingKind ? string : undefined
  /** Writes the map of parameters. */
  write(w: CborWriter, method: Method): void
  /** Exact: an unknown parameter would change how the key is found. Bytes alias the input. */
  read(r: CborReader): Method
}

const KINDS: { readonly [K in SlotKind]: KindEntry<Extract<SlotMethod, { kind: K }>> } = {
  passphrase: {
    number: 1,
    what: 'passphrase',
    context: undefined,
    write(w, { params: { salt, memoryKiB, passes, lanes } }) {
      assert(salt.length === PASSPHRASE_SALT_SIZE, 'the salt of a passphrase slot has 16 bytes')
      w.openMap().key(0).bytes(salt).key(1).uint(memoryKiB).key(2).uint(passes).key(3).uint(lanes).closeMap()
    },
    read(r) {
      let salt: Uint8Array | undefined
      const numbers: number[] = []
      exactly(r, (key) => {
        if (key === 0) salt = r.fixed(PASSPHRASE_SALT_SIZE)
        else if (key <= 3) numbers[key] = r.uint()
        else return false
        return true
      })
      const params = {
        salt: need(r, salt, 'salt'),
        memoryKiB: need(r, numbers[1], 'memory'),
        passes: need(r, numbers[2], 'number of passes'),
        lanes: need(r, numbers[3], 'number of lanes'),
      }
      return { kind: 'passphrase', params }
    },
  },
  'key-file': {
    number: 2,
    what: 'key file',
    context: undefined,
    write(w, { id }) {
      assert(id.length === KEY_FILE_ID_SIZE, 'the id of a key file has 16 bytes')
      writeBytesOnly(w, id)
    },
    read: (r) => ({ kind: 'key-file', id: readOnly(r, 'id of the key file', () => r.fixed(KEY_FILE_ID_SIZE)) }),
  },
  age: {
    number: 3,
    what: 'age identity',
    context: 'holdfast 1 age slot',
    write: (w, { file }) => writeBytesOnly(w, file),
    read: (r) => ({ kind: 'age', file: readOnly(r, 'age file', () => r.bytes(AGE_HEADER_MAX + AGE_PAYLOAD_SIZE)) }),
  },
  shares: {
    number: 4,
    what: 'set of shares',
    context: 'holdfast 1 shares',
    write(w, { set, threshold, count }) {
      assert(set.length === SHARE_SET_SIZE, 'the mark of a set of shares has 4 bytes')
      w.openMap().key(0).bytes(set).key(1).uint(threshold).key(2).uint(count).closeMap()
    },
    read(r) {
      let set: Uint8Array | undefined
      const numbers: number[] = []
      exactly(r, (key) => {
        if (key === 0) set = r.fixed(SHARE_SET_SIZE)
        else if (key <= 2) numbers[key] = r.uint()
        else return false
        return true
      })
      const [threshold, count] = [need(r, numbers[1], 'number of shares'), need(r, numbers[2], 'number of shares')]
      if (threshold < 2 || threshold > count || count > SHARES_MAX) {
        throw r.corrupt(`asks for ${threshold} of ${count} shares`)
      }
      return { kind: 'shares', set: need(r, set, 'mark of its set of shares'), threshold, count }
    },
  },
  openpgp: {
    number: 5,
    what: 'OpenPGP key',
    context: 'holdfast 1 openpgp slot',
    write: (w, { message }) => writeBytesOnly(w, message),
    read: (r) => ({ kind: 'openpgp', message: readOnly(r, 'OpenPGP message', () => r.bytes(OPENPGP_MESSAGE_MAX)) }),
  },
  several: {
    number: 8,
    what: 'set of several keys',
    context: 'holdfast 1 several',
    write(w, { threshold, parts }) {
      w.openMap().key(0).uint(threshold).key(1)
      writeList(w, parts, ({ method, sealedShare }) => {
        w.openMap()
        writeMethod(w, method)
        w.key(2).bytes(sealedShare).closeMap()
      })
      w.closeMap()
    },
    read(r) {
      let threshold: number | undefined
      let parts: SlotPart[] | undefined
      exactly(r, (key) => {
        if (key === 0) threshold = r.uint()
        else if (key === 1) parts = readList(r, PARTS_MAX, () => readPart(r))
        else return false
        return true
      })
      const [needed, all] = [need(r, threshold, 'number of keys'), need(r, parts, 'list of keys')]
      if (needed < 2 || needed > all.length) throw r.corrupt(`asks for ${needed} of ${all.length} keys`)
      return { kind: 'several', threshold: needed, parts: all }
    },
  },
  pkcs11: {
    number: 6,
    what: 'PKCS#11 token',
    context: 'holdfast 1 pkcs11 slot',
    write(w, { keyId, hash, encrypted }) {
      assert(keyId.length === RSA_KEY_ID_SIZE, 'the id of an RSA key has 16 bytes')
      w.openMap().key(0).bytes(keyId).key(1).uint(OAEP_HASHES.indexOf(hash)).key(2).bytes(encrypted).closeMap()
    },
    read(r) {
      let keyId: Uint8Array | undefined
      let hash: OaepHash | undefined
      let encrypted: Uint8Array | undefined
      exactly(r, (key) => {
        if (key === 0) keyId = r.fixed(RSA_KEY_ID_SIZE)
        else if (key === 1) hash = OAEP_HASHES[r.uint()]
        else if (key === 2) encrypted = r.bytes(RSA_BLOCK_MAX)
        else return false
        return true
      })
      return {
        kind: 'pkcs11',
        keyId: need(r, keyId, 'id of the key'),
        hash: need(r, hash, 'hash that OAEP can be used with here'),
        encrypted: need(r, encrypted, 'encrypted secret'),
      }
    },
  },
  tpm: {
    number: 7,
    what: 'TPM',
    context: 'holdfast 1 tpm slot',
    write(w, { publicArea, privateArea, pin }) {
      w.openMap().key(0).bytes(publicArea).key(1).bytes(privateArea).key(2).bool(pin).closeMap()
    },
    read(r) {
      const areas: Uint8Array[] = []
      let pin: boolean | undefined
      exactly(r, (key) => {
        if (key <= 1) areas[key] = r.bytes(TPM_AREA_MAX)
        else if (key === 2) pin = r.bool()
        else return false
        return true
      })
      const [publicArea, privateArea] = [need(r, areas[0], 'public area'), need(r, areas[1], 'private area')]
      return { kind: 'tpm', publicArea, privateArea, pin: need(r, pin, 'word on whether there is a PIN') }
    },
  },
}

/** For messages. */
export function kindWords(kind: SlotKind): string {
  return KINDS[kind].what
}

/** `1 key file`, `2 age identities`. */
export function countedKind(count: number, kind: SlotKind): string {
  const words = kindWords(kind)
  return `${count} ${count === 1 ? words : (PLURALS[kind] ?? `${words}s`)}`
}

const PLURALS: Readonly<Partial<Record<SlotKind, string>>> = {
  age: 'age identities',
  shares: 'sets of shares',
  several: 'sets of several keys',
}

/** The context of `DK` for the secret of a slot of this kind. */
export function slotSecretContext(kind: WrappingKind): string {
  return KINDS[kind].context
}

/** Writes keys 0 and 1 of a slot. */
export function writeMethod(w: CborWriter, method: SlotMethod): void {
  if (method.kind === 'other') {
    w.key(0).uint(method.number).key(1).raw(method.params)
    return
  }
  const entry = KINDS[method.kind] as KindEntry<SlotMethod>
  entry.write(w.key(0).uint(entry.number).key(1), method)
}

/** Reads the value of key 1 of a slot of the kind with this number. */
export function readMethod(r: CborReader, number: number): SlotMethod {
  const entry = Object.values(KINDS).find((kind) => kind.number === number)
  return entry === undefined ? { kind: 'other', number, params: r.item() } : entry.read(r)
}

/** Throws `unsupported` for a kind that this version does not know. */
export function knownKind(method: SlotMethod, subject: string): SlotKind {
  if (method.kind !== 'other') return method.kind
  throw new BackupError('unsupported', `the key slot is of kind ${method.number}`, subject, {
    hint: 'a newer version of Holdfast can open it',
  })
}

function readPart(r: CborReader): SlotPart {
  let number: number | undefined
  let method: SlotMethod | undefined
  let sealedShare: Uint8Array | undefined
  exactly(r, (key) => {
    if (key === 0) number = r.uint()
    else if (key === 1) {
      // Without this a slot could ask for work without end.
      if (number === KINDS.several.number) throw r.corrupt('has several keys within several keys')
      method = readMethod(r, need(r, number, 'kind'))
    } else if (key === 2) sealedShare = r.fixed(SEALED_SHARE_SIZE)
    else return false
    return true
  })
  return { method: need(r, method, 'kind of a key'), sealedShare: need(r, sealedShare, 'sealed share') }
}

function exactly(r: CborReader, readField: (key: number) => boolean): void {
  if (r.fields(readField) !== undefined) throw r.corrupt('has a parameter too many')
}

/** `{0: bytes}`. */
function writeBytesOnly(w: CborWriter, bytes: Uint8Array): void {
  w.openMap().key(0).bytes(bytes).closeMap()
}

function readOnly(r: CborReader, what: string, readBytes: () => Uint8Array): Uint8Array {
  let bytes: Uint8Array | undefined
  exactly(r, (key) => {
    if (key !== 0) return false
    bytes = readBytes()
    return true
  })
  return need(r, bytes, what)
}
