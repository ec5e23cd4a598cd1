// Content that repeats from its seed: noise that nothing compresses, and text of words that compresses to about a third.
import { createCipheriv } from 'node:crypto'
import type { SecureRandom } from '../../../src/base/random.ts'

export type ContentKind = 'random' | 'text'

/** Bytes of one long stream, one piece after the other. */
export function byteStream(seed: number): SecureRandom {
  const key = new Uint8Array(16)
  new DataView(key.buffer).setFloat64(0, seed)
  const cipher = createCipheriv('aes-128-ctr', key, new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

export function makeContent(kind: ContentKind, length: number, stream: SecureRandom): Uint8Array {
  if (kind === 'random') return stream(length)
  const text = new Uint8Array(length)
  let choices = stream(4096)
  for (let at = 0, next = 0; at < length; next++) {
    if (next === choices.length) [choices, next] = [stream(4096), 0]
    const word = WORDS[choices[next]! % WORDS.length]!
    text.set(word.subarray(0, length - at), at)
    at += word.length
  }
  return text
}

/** 64 words that are none, of 2 to 9 letters and a space. */
const WORDS = Array.from({ length: 64 }, (_, i) => {
  const letters = Array.from({ length: 2 + (i % 8) }, (_x, j) => 'etaoinshrdlucmfw'[(i * 7 + j * (3 + (i >> 3))) % 16]!)
  return Buffer.from(`${letters.join('')} `)
})
