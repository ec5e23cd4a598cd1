// The encoding of SSH (RFC 4251, 5): strings with a length before them, integers as strings.
import { BackupError } from '../base/errors.ts'

/** Reads what somebody's key file holds. Throws `corrupt` naming `subject` where it ends early or says too much. */
export class WireReader {
  readonly #bytes: Uint8Array
  readonly #subject: string
  #at = 0

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes
    this.#subject = subject
  }

  /** What is left. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }

  uint32(): number {
    const { buffer, byteOffset } = this.#bytes.subarray(this.#at)
    this.#skip(4)
    return new DataView(buffer, byteOffset).getUint32(0)
  }

  /** A view of the input. */
  string(): Uint8Array {
    const length = this.uint32()
    const at = this.#at
    this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** A positive integer. */
  integer(): bigint {
    const bytes = this.string()
    if (bytes.length === 0 || bytes[0]! >= 0x80) throw this.#corrupt('has an integer that is not positive')
    return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw this.#corrupt(`has ${this.#bytes.length - this.#at} bytes too many`)
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) throw this.#corrupt('ends early')
    this.#at += length
  }

  #corrupt(why: string): BackupError {
    return new BackupError('corrupt', `the SSH key ${why}`, this.#subject)
  }
}
