// What a local index file is made of: which segments, and which packs each of them names. An entry of the file counts as
// long as one of the segments is there that name its pack.
import { fromHex, toHex } from '../base/bytes.ts'
import { indexName, packName, parseObjectName } from '../format/names.ts'
import type { PackKind } from '../format/names.ts'
import type { PackRecord } from './pack-record.ts'
import { PageFileError } from './sealed-pages.ts'

/** How far a pack counts. */
export const STANDING = {
  sound: 0,
  /** Only for what no other pack has. */
  last: 1,
  /** Not at all. */
  dead: 2,
} as const

export interface CoveredPack extends PackRecord {
  /** Where its blocks begin in the file. */
  readonly first: number
  /** Stands for its table (tablesDigest), hex: a pack is there again for each segment that says otherwise what is in it. */
  readonly tables: string
  /** Whether another pack of the file has some of its blobs too. */
  readonly contested: boolean
}

export interface CoveredSegment {
  readonly name: string
  /** Whose it is, hex. */
  readonly wid: string
  /** Whether it names packs of others (adopted-packs.ts). */
  readonly ofOthers: boolean
  /** Numbers of the packs that it names. */
  readonly packs: readonly number[]
  /** Names of data packs that it says are not to be relied on. */
  readonly distrusted: readonly string[]
}

export interface Coverage {
  /** Sessions that blocks refer to by their place here. */
  readonly sids: readonly Uint8Array[]
  readonly packs: readonly CoveredPack[]
  readonly segments: readonly CoveredSegment[]
}

const HASH_WORDS = 8
const ID_WORDS = 4
const KINDS: readonly PackKind[] = ['data', 'meta']

/**
 *   sessions, packs, segments   counts
 *   of each session    id (4)
 *   of each pack       hash (8), tables (8), kind, whether it is contested, size, place of its first block, number of sessions, their numbers
 *   of each segment    hash (8), writer (4), whether of others, number of packs, their numbers, number of distrusted packs, their hashes (8)
 */
export function encodeCoverage({ sids, packs, segments }: Coverage): Uint32Array {
  const out = new WordList()
  out.add([sids.length, packs.length, segments.length])
  const numbers = new Map(sids.map((sid, i) => [toHex(sid), i]))
  for (const sid of sids) out.add(wordsOf(sid))
  for (const { objectName, tables, kind, contested, size, first, sessions } of packs) {
    out.add(wordsOf(hashOf(objectName)))
    out.add(wordsOf(fromHex(tables)!))
    out.add([KINDS.indexOf(kind), Number(contested), size, first, sessions.length])
    out.add(sessions.map((sid) => numbers.get(toHex(sid))!))
  }
  for (const { name, wid, ofOthers, packs: named, distrusted } of segments) {
    out.add(wordsOf(hashOf(name)))
    out.add(wordsOf(fromHex(wid)!))
    out.add([Number(ofOthers), named.length])
    out.add(named)
    out.add([distrusted.length])
    for (const name of distrusted) out.add(wordsOf(hashOf(name)))
  }
  return out.words()
}

/** The words come out of pages that were verified: they are wrong only if they were written wrong. */
export function decodeCoverage(words: Uint32Array, subject: string): Coverage {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  let at = 0
  const word = (): number => {
    if (at >= words.length) throw new PageFileError('corrupt', 'the local index ends within its tables', subject)
    return words[at++]!
  }
  const take = (count: number): Uint8Array => {
    at += count
    if (at > words.length) throw new PageFileError('corrupt', 'the local index ends within its tables', subject)
    return bytes.subarray((at - count) * 4, at * 4)
  }
  const list = <T>(count: number, read: () => T): T[] => Array.from({ length: Math.min(count, words.length) }, read)
  const [sidCount, packCount, segmentCount] = [word(), word(), word()]
  const sids = list(sidCount, () => take(ID_WORDS).slice())
  const packs = list(packCount, (): CoveredPack => {
    const hash = toHex(take(HASH_WORDS))
    const tables = toHex(take(HASH_WORDS))
    const kind = KINDS[word()]!
    const [contested, size, first] = [word() === 1, word(), word()]
    const sessions = list(word(), () => sids[word()]!)
    return { objectName: packName(kind, hash), tables, kind, contested, size, first, sessions }
  })
  const segments = list(segmentCount, (): CoveredSegment => {
    const name = indexName(take(HASH_WORDS))
    const wid = toHex(take(ID_WORDS))
    const ofOthers = word() === 1
    const named = list(word(), word)
    return {
      name,
      wid,
      ofOthers,
      packs: named,
      distrusted: list(word(), () => packName('data', toHex(take(HASH_WORDS)))),
    }
  })
  return { sids, packs, segments }
}

function hashOf(objectName: string): Uint8Array {
  const parsed = parseObjectName(objectName)
  return fromHex(parsed?.kind === 'pack' || parsed?.kind === 'index' ? parsed.hash : '')!
}

/** Bytes as they lie in memory. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer)
}

class WordList {
  #words = new Uint32Array(4096)
  #count = 0

  add(words: ArrayLike<number>): void {
    const count = this.#count + words.length
    if (count > this.#words.length) {
      const larger = new Uint32Array(Math.max(count, this.#words.length * 2))
      larger.set(this.#words)
      this.#words = larger
    }
    this.#words.set(words, this.#count)
    this.#count = count
  }

  words(): Uint32Array {
    return this.#words.subarray(0, this.#count)
  }
}

/** The number of the pack that a block is in. */
export function packAt(packs: readonly Pick<CoveredPack, 'first'>[], block: number): number {
  let low = 0
  let high = packs.length
  while (low + 1 < high) {
    const middle = (low + high) >>> 1
    if (packs[middle]!.first <= block) low = middle
    else high = middle
  }
  return low
}
