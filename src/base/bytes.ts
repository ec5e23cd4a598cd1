// Small helpers over byte arrays. Buffer views share memory with the arrays they are made from.

/** A Buffer over the same memory; no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex')
}

/** Bytes of a lower-case hex string; null if it is not one. */
export function fromHex(hex: string): Uint8Array | null {
  if (hex.length % 2 !== 0 || !isHex(hex)) return null
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** Whether there are lower-case hex digits alone. */
export function isHex(text: string): boolean {
  return /^[0-9a-f]*$/.test(text)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && asBuffer(a).equals(b)
}

/** Orders by byte value, as directories and deterministic maps are ordered. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}

/** Text of bytes that need not be UTF-8; for display only. */
export function displayText(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8')
}

/**
 * An array that owns the whole of its ArrayBuffer, unlike a small Buffer, and is not filled with zeros first, unlike
 * `new Uint8Array(length)`: for what is written over at once.
 */
export function uninitialised(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/** Buffers below this size may share their memory with others: Node's pool has 64 KiB. */
const RELEASE_FROM = 96 * 1024
/** Below this even an array that has its memory to itself is not worth the call. */
const RELEASE_OWN_FROM = 2048

/**
 * Gives the memory of a large array back at once instead of at some later garbage collection; the array is empty
 * afterwards. Only for memory that the caller alone uses. In a stream of megabytes the collector is too late: it counts
 * memory outside of its heap reluctantly.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer)) return
  const isOwn = bytes.byteLength === buffer.byteLength && bytes.byteLength >= RELEASE_OWN_FROM
  if (isOwn || buffer.byteLength >= RELEASE_FROM) buffer.transfer(0)
}
