// docs/format.md, 3.6: one share of a recovery secret, as bytes, words and a line of text.
//
//   offset  size  field
//   0       1     version: 1
//   1       4     set: random, the same in all shares of a secret
//   5       1     threshold: how many shares give the secret
//   6       1     number of the share, from 1
//   7       33    the share: a byte of each of 32 polynomials, and where they were evaluated
//   40      4     first bytes of H of all before
import { assert } from '../base/assert.ts'
import { concatBytes, equalBytes, fromHex, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { SHARE_SET_SIZE } from '../format/slot-kinds.ts'
import { bytesOfWords, refuseSheet, typedWords, wordsOfBytes } from './words.ts'

export interface Share {
  /** 4 bytes. */
  readonly set: Uint8Array
  readonly threshold: number
  /** 1 to 255; says nothing about the content. */
  readonly number: number
  /** 33 bytes, as `shamir-secret-sharing` makes them. */
  readonly value: Uint8Array
}

const VERSION = 1
const VALUE_AT = 3 + SHARE_SET_SIZE
const VALUE_SIZE = 33
const CHECKSUM_AT = VALUE_AT + VALUE_SIZE
const CHECKSUM_SIZE = 4
const SHARE_SIZE = CHECKSUM_AT + CHECKSUM_SIZE
/** 44 bytes fill them exactly. */
export const SHARE_WORDS = 32
const LINE = /\bholdfast-share-1 ([0-9a-f]{88})\b/g

export function shareWords(share: Share): string[] {
  return wordsOfBytes(encodeShare(share))
}

/** For a QR code. */
export function shareLine(share: Share): string {
  return `holdfast-share-1 ${toHex(encodeShare(share))}`
}

/**
 * The share in what somebody typed or scanned, or in a whole sheet as text or PDF: its line wherever it stands, else 32
 * words. Throws `usage` naming `subject`, `unsupported` for a newer version.
 */
export function parseShare(text: string, subject: string): Share {
  const [hex] = linesIn(text)
  const bytes = hex === undefined ? bytesOfWords(text, SHARE_WORDS, subject) : fromHex(hex)
  assert(bytes?.length === SHARE_SIZE, 'a share has its size')
  if (!equalBytes(bytes.subarray(CHECKSUM_AT), checksum(bytes))) {
    throw new BackupError('usage', 'the checksum of this share is wrong', subject, {
      hint: 'each of its words is in the list, so one was taken for another, or two have changed places',
    })
  }
  if (bytes[0] !== VERSION) {
    throw new BackupError('unsupported', `the share is of version ${bytes[0]}`, subject, {
      hint: 'a newer version of Holdfast can read it',
    })
  }
  const [threshold, number] = [bytes[1 + SHARE_SET_SIZE]!, bytes[2 + SHARE_SET_SIZE]!]
  const value = bytes.slice(VALUE_AT, CHECKSUM_AT)
  if (threshold < 2 || number === 0 || value.at(-1) === 0) {
    throw new BackupError('corrupt', 'what the share says makes no sense', subject)
  }
  return { set: bytes.slice(1, 1 + SHARE_SET_SIZE), threshold, number, value }
}

/** All shares in a text: their lines, else 32 words for each. Throws what `parseShare` throws. */
export function parseShares(text: string, subject: string): Share[] {
  const lines = linesIn(text)
  if (lines.length > 0) return lines.map((line) => parseShare(`holdfast-share-1 ${line}`, subject))
  refuseSheet(text, subject)
  const words = typedWords(text)
  const shares: Share[] = []
  for (let at = 0; at === 0 || at < words.length; at += SHARE_WORDS) {
    shares.push(parseShare(words.slice(at, at + SHARE_WORDS).join(' '), subject))
  }
  return shares
}

function linesIn(text: string): string[] {
  return [...text.matchAll(LINE)].map((match) => match[1]!)
}

function encodeShare({ set, threshold, number, value }: Share): Uint8Array {
  assert(set.length === SHARE_SET_SIZE && value.length === VALUE_SIZE, 'set and value of a share have their sizes')
  const head = concatBytes([Uint8Array.of(VERSION), set, Uint8Array.of(threshold, number), value])
  return concatBytes([head, checksum(head)])
}

function checksum(bytes: Uint8Array): Uint8Array {
  return hash(bytes.subarray(0, CHECKSUM_AT)).subarray(0, CHECKSUM_SIZE)
}
