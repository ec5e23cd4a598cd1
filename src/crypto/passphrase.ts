// From a passphrase to a key: Argon2id (RFC 9106), by OpenSSL on a thread of libuv. docs/format.md, 3.6.
import { argon2 } from 'node:crypto'
import { utf8 } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError, wrap } from '../base/errors.ts'
import { KEY_SIZE } from './hash.ts'
import { wipe } from './wipe.ts'

export interface PassphraseParams {
  /** 16 bytes. */
  readonly salt: Uint8Array
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

export const PASSPHRASE_SALT_SIZE = 16
/** What new slots get at least; docs/decisions/0003-argon2-parameters.md. */
export const NEW_SLOT_COST = { memoryKiB: 128 * 1024, passes: 3, lanes: 4 } as const
/** A machine that needs less than this for them makes slots with more passes. */
const NEW_SLOT_MS = 300
/** One that is ten times as slow still opens such a slot within seconds. */
export const NEW_SLOT_PASSES_MAX = 8
/** 8 MiB; a slot below it gives a guesser too much. */
export const MEMORY_KIB_MIN = 8 * 1024
/** 4 GiB; the slot comes from the store, and a hostile one must not take all memory of the machine. */
export const MEMORY_KIB_MAX = 4 * 1024 * 1024
/** For the same reason: bounds the time. */
export const PASSES_MAX = 64
export const LANES_MAX = 64

/**
 * The 32-byte key of a passphrase. The passphrase is taken as NFC, so that it does not matter how a keyboard composes
 * letters. Throws `limit` for parameters out of bounds before it computes anything, and `usage` for a passphrase that is
 * empty or not Unicode text. `subject` names the slot.
 */
export async function passphraseKey(
  passphrase: string,
  params: PassphraseParams,
  subject = 'key slot',
): Promise<Uint8Array> {
  checkPassphraseParams(params, subject)
  if (passphrase === '') throw new BackupError('usage', 'the passphrase is empty', subject)
  if (!passphrase.isWellFormed()) throw new BackupError('usage', 'the passphrase is not Unicode text', subject)
  const message = utf8(passphrase.normalize('NFC'))
  try {
    return await argon2id(message, params)
  } catch (cause) {
    throw wrap(`deriving a key with ${params.memoryKiB} KiB of memory`, subject, cause)
  } finally {
    wipe(message)
  }
}

/** What a new slot gets on this machine: as many passes as it makes in NEW_SLOT_MS, by the time of one. */
export async function calibratedCost(clock: Pick<Clock, 'monotonic'>): Promise<Omit<PassphraseParams, 'salt'>> {
  const salt = new Uint8Array(PASSPHRASE_SALT_SIZE)
  const began = clock.monotonic()
  await argon2id(utf8('calibration'), { ...NEW_SLOT_COST, salt, passes: 1 })
  const passes = Math.floor(NEW_SLOT_MS / Math.max(1, clock.monotonic() - began))
  return { ...NEW_SLOT_COST, passes: Math.min(NEW_SLOT_PASSES_MAX, Math.max(NEW_SLOT_COST.passes, passes)) }
}

/** Throws `limit` if a reader must not compute with these parameters. */
export function checkPassphraseParams(params: PassphraseParams, subject: string): void {
  const { salt, memoryKiB, passes, lanes } = params
  const refuse = (what: string) =>
    new BackupError('limit', `passphrase parameters are out of bounds (${what})`, subject, {
      hint: 'a Holdfast client does not make such a slot; look at who can write to the store',
    })
  if (salt.length !== PASSPHRASE_SALT_SIZE) throw refuse(`a salt of ${salt.length} bytes`)
  if (!within(memoryKiB, MEMORY_KIB_MIN, MEMORY_KIB_MAX)) throw refuse(`${memoryKiB} KiB of memory`)
  if (!within(passes, 1, PASSES_MAX)) throw refuse(`${passes} passes`)
  if (!within(lanes, 1, LANES_MAX)) throw refuse(`${lanes} lanes`)
}

function within(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

function argon2id(message: Uint8Array, { salt, memoryKiB, passes, lanes }: PassphraseParams): Promise<Uint8Array> {
  const params = { message, nonce: salt, parallelism: lanes, tagLength: KEY_SIZE, memory: memoryKiB, passes }
  return new Promise((resolve, reject) => {
    argon2('argon2id', params, (error, key) => {
      if (error) reject(error)
      else resolve(new Uint8Array(key))
    })
  })
}
