// A file of random bytes: nothing to compress, nothing to deduplicate.
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

const PART = 8 * 1024 * 1024

/** The same bytes every time: the key stream of AES-256-CTR under a key made from `seed`. */
export function writeRandomFile(path: string, bytes: number, seed: string): void {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16))
  const fd = openSync(path, 'w')
  for (let written = 0; written < bytes;) {
    const part = cipher.update(new Uint8Array(Math.min(PART, bytes - written)))
    for (let at = 0; at < part.length;) at += writeSync(fd, part, at)
    written += part.length
  }
  closeSync(fd)
}
