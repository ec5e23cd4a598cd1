// What a local index file is made of: which segments, and which packs each of them names. An entry of the file counts as
// long as one of the segments is there that name its pack.
import { fromHex, toHex } from '../../base/bytes.ts'
import { indexName, packName } from '../../format/names.ts'
import { checkPackWords, CoveredPacks, grown, hashOf, wordsOf } from './covered-packs.ts'
import { PageFileError } from './sealed-pages.ts'

/** How far a pack counts. */
export const STANDING = {
  sound: 0,
  /** Only for what no other pack has. */
  last: 1,
  /** Not at all. */
  dead: 2,
} as const

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
  readonly packs: CoveredPacks
  readonly segments: readonly CoveredSegment[]
}

const HASH_WORDS = 8
const ID_WORDS = 4

/**
 *   session ids, words of packs, their sessions, segments   counts
 *   session ids (4 each), packs, sessions of packs          as CoveredPacks has them
 *   of each segment    hash (8), writer (4), whether of others, number of packs, their numbers, number of distrusted
 *                      packs, their hashes (8)
 */
export function encodeCoverage({ packs, segments }: Coverage): Uint32Array {
  const out = new WordList()
  out.add([packs.sids.length, packs.words.length, packs.sessions.length, segments.length])
  for (const sid of packs.sids) out.add(wordsOf(sid))
  out.add(packs.words)
  out.add(packs.sessions)
  for (const { name, wid, ofOthers, packs: named, distrusted } of segments) {
    out.add(wordsOf(hashOf(name)))
    out.add(wordsOf(fromHex(wid)!))
    out.add([Number(ofOthers), named.length])
    out.add(named)
    out.add([distrusted.length])
    for (const each of distrusted) out.add(wordsOf(hashOf(each)))
  }
  return out.words()
}

/** The words come out of pages that were verified: they are wrong only if they were written wrong. */
export function decodeCoverage(words: Uint32Array, subject: string): Coverage {
  let at = 0
  const take = (count: number): Uint32Array => {
    at += count
    if (at > words.length) throw new PageFileError('corrupt', 'the local index ends within its tables', subject)
    return words.subarray(at - count, at)
  }
  const word = (): number => take(1)[0]!
  const bytes = (count: number): Uint8Array => {
    const taken = take(count)
    return new Uint8Array(taken.buffer, taken.byteOffset, count * 4)
  }
  const list = <T>(count: number, read: () => T): T[] => Array.from({ length: Math.min(count, words.length) }, read)
  const [sidCount, packWords, sessionCount, segmentCount] = take(4) as unknown as [number, number, number, number]
  const sids = list(sidCount, () => bytes(ID_WORDS).slice())
  const packs = take(packWords).slice()
  const sessions = take(sessionCount).slice()
  checkPackWords(packs, sessions, subject)
  const segments = list(segmentCount, (): CoveredSegment => {
    const name = indexName(bytes(HASH_WORDS))
    const wid = toHex(bytes(ID_WORDS))
    const ofOthers = word() === 1
    const named = Array.from(take(word()))
    const distrusted = list(word(), () => packName('data', bytes(HASH_WORDS)))
    return { name, wid, ofOthers, packs: named, distrusted }
  })
  return { packs: new CoveredPacks(sids, packs, sessions), segments }
}

class WordList {
  #words = new Uint32Array(0)
  #count = 0

  add(words: ArrayLike<number>): void {
    const count = this.#count + words.length
    this.#words = grown(this.#words, count) as Uint32Array<ArrayBuffer>
    this.#words.set(words, this.#count)
    this.#count = count
  }

  words(): Uint32Array {
    return this.#words.subarray(0, this.#count)
  }
}
