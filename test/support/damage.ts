// What every decoder is put through: each byte changed, each length cut, bytes added.
import assert from 'node:assert/strict'
import { BackupError } from '../../src/base/errors.ts'

export interface DamageOptions {
  /** The name that every error has to carry. */
  readonly subject: string
  /** Whether any change has to be noticed (a seal or a signature covers all bytes) or some give another valid value. */
  readonly authenticated: boolean
  /** Bytes that are outside of the seals and may change unnoticed by this decoder. */
  readonly except?: (at: number) => boolean
  /** Test every n-th byte only, for long inputs. */
  readonly step?: number
}

/** Fails unless `decode` meets every damage with a named `corrupt` or `unsupported`, or where allowed with a value. */
export function assertDamageIsNamed(
  bytes: Uint8Array,
  decode: (damaged: Uint8Array) => unknown,
  o: DamageOptions,
): void {
  decode(bytes.slice())
  const step = o.step ?? 1
  for (let at = 0; at < bytes.length; at += step) {
    const tolerated = !o.authenticated || o.except?.(at) === true
    for (const mask of [0x01, 0x80, 0xff]) {
      const damaged = bytes.slice()
      damaged[at]! ^= mask
      attempt(decode, damaged, `byte ${at} changed by ${mask}`, tolerated, o.subject)
    }
  }
  for (let length = 0; length < bytes.length; length += step) {
    attempt(decode, bytes.slice(0, length), `cut to ${length} of ${bytes.length} bytes`, false, o.subject)
  }
  for (const extra of [[0], [0xff], [0x80, 0]]) {
    attempt(decode, new Uint8Array([...bytes, ...extra]), `${extra.length} bytes added`, false, o.subject)
  }
}

function attempt(
  decode: (damaged: Uint8Array) => unknown,
  damaged: Uint8Array,
  what: string,
  tolerated: boolean,
  subject: string,
): void {
  try {
    decode(damaged)
  } catch (e) {
    const named = e instanceof BackupError && (e.code === 'corrupt' || e.code === 'unsupported')
    assert.ok(named, `${what}: ${String((e as Error).stack ?? e)}`)
    assert.ok(e.subject.includes(subject), `${what}: the error does not name ${subject}: ${e.message}`)
    return
  }
  assert.ok(tolerated, `${what} goes unnoticed`)
}

/** Whether an error is `corrupt` and names `subject`; for assert.throws. */
export function corruptAbout(subject: string): (e: unknown) => boolean {
  return (e) => e instanceof BackupError && e.code === 'corrupt' && e.message.includes(subject)
}
