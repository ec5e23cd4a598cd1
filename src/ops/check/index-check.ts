// Reads the index as far as it can be read, and compares it with the packs that are there.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { decodeIndexSegment } from '../../format/index-segment.ts'
import type { DecodedIndexedPack } from '../../format/index-segment.ts'
import { packName } from '../../format/names.ts'
import { tablesDigest } from '../../format/tables-digest.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { readSignerId } from '../../format/signed-object.ts'
import { readSegmentOrDamage } from '../../repo/index/index-reading.ts'
import { missingPacks } from '../../repo/index/missing-packs.ts'
import { LoadedIndex } from '../../repo/index/loaded-index.ts'
import type { FiledIndex } from '../../repo/index/local-index.ts'
import type { Repository } from '../../repo/repository.ts'
import { foreignOf, openInDomains } from '../../repo/keys/membership.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'
import { BrokenParts } from './broken-parts.ts'
import { verifyMeeting } from './meet-writers.ts'
import { surveyObjects } from './object-survey.ts'
import type { Survey, SurveyedObject } from './object-survey.ts'
import type { ObjectVerifier } from './object-verifier.ts'

/** Where the blocks of a pack are in the index. */
export interface IndexedBlocks {
  readonly first: number
  readonly count: number
  /** Of the table that the index has. */
  readonly digest: string
}

export interface CheckedIndex {
  /** The repository in the domain whose index this is. */
  readonly repo: Repository
  /** What is broken of it. */
  readonly broken: BrokenParts
  readonly index: LoadedIndex
  readonly packs: ReadonlyMap<string, IndexedBlocks>
  /** Ids of all sessions that blocks name, hex. */
  readonly sessions: ReadonlyMap<string, Uint8Array>
  /** Sessions of the packs that no segment names and whose own directories open, by name. */
  readonly unnamed: ReadonlyMap<string, readonly Uint8Array[]>
}

export interface IndexCheckOptions {
  /** The repository in each domain of the credential. */
  readonly repos: readonly Repository[]
  readonly survey: Survey
  readonly verifier: ObjectVerifier
  readonly segments: () => AsyncIterable<SurveyedObject>
  /** Sizes of the packs that are there, by name. */
  readonly listed: ReadonlyMap<string, number>
  /** Called for each segment of a domain that the credential does not have. */
  readonly foreign: () => void
}

/**
 * The index of each domain, in the order of `repos`. Every segment is read and verified, whosesoever it is. Where a large index
 * lies in a file of this machine, what a segment says has to be what the file has of it.
 */
export async function checkIndexes(opts: IndexCheckOptions): Promise<CheckedIndex[]> {
  const { repos, survey, verifier, segments, foreign } = opts
  const listed: SurveyedObject[] = []
  for await (const segment of segments()) listed.push(segment)
  const checks = new Map<Repository, IndexCheck>()
  for (const repo of repos) checks.set(repo, new IndexCheck(repo, opts, await filedIndexOf(repo, listed)))
  const { writers, trust } = repos[0]!
  const revoked = await trust.revoked()
  const isCovered = ({ name }: SurveyedObject) => [...checks.values()].some((check) => check.covers(name))
  // Packs that are in a file come before those that are not.
  await surveyObjects(survey, listed.filter(isCovered), look)
  await surveyObjects(
    survey,
    listed.filter((segment) => !isCovered(segment)),
    look,
  )
  const found: CheckedIndex[] = []
  for (const check of checks.values()) {
    await check.compareWithPacks()
    found.push(await check.addUnnamed((name) => [...checks.values()].some((each) => each.hasPack(name))))
  }
  return found

  async function look({ name, parsed }: SurveyedObject, bytes: Uint8Array): Promise<void> {
    await verifyMeeting(survey.store, verifier, { name, parsed }, bytes)
    const writer = await writers.writer(readSignerId(OBJECT_TYPES.indexSegment, bytes, name), 'store', name)
    try {
      const { opened, within } = openInDomains(repos, writer, name, (keys) => decodeIndexSegment(bytes, name, keys))
      const check = checks.get(within)!
      if (revoked.has(toHex(writer.wid))) check.segmentOfRevoked(opened, name)
      else check.segment(opened, name)
    } catch (error) {
      if (foreignOf(error) === undefined) throw error
      foreign()
    }
  }
}

/** The file with a large index; without it the index is in memory, so whatever is wrong with it is told by what is read then. */
async function filedIndexOf(repo: Repository, listed: readonly SurveyedObject[]): Promise<FiledIndex | undefined> {
  try {
    return await repo.localIndex?.bring(listed, (name) => readSegmentOrDamage(repo, name))
  } catch (error) {
    if (error instanceof BackupError) return undefined
    throw error
  }
}

/** What a segment says of a pack, which has a number in the file that covers the segment. */
interface NamedPack {
  readonly pack: DecodedIndexedPack
  readonly sessions: readonly Uint8Array[]
  readonly segment: string
  readonly number: number | undefined
}

class IndexCheck {
  readonly #repo: Repository
  readonly #opts: IndexCheckOptions
  readonly #broken = new BrokenParts()
  readonly #index: LoadedIndex
  readonly #filed: FiledIndex | undefined
  /** Of each segment that the file covers, the numbers of its packs there. */
  readonly #covered: ReadonlyMap<string, readonly number[]>
  readonly #packs = new Map<string, IndexedBlocks>()
  readonly #sessions = new Map<string, Uint8Array>()
  readonly #later: NamedPack[] = []
  readonly #last: NamedPack[] = []

  constructor(repo: Repository, opts: IndexCheckOptions, filed: FiledIndex | undefined) {
    this.#repo = repo
    this.#opts = opts
    this.#filed = filed
    this.#index = new LoadedIndex(0, filed)
    this.#covered = new Map(filed?.coverage.segments.map(({ name, packs }) => [name, packs]))
  }

  covers(segment: string): boolean {
    return this.#covered.has(segment)
  }

  hasPack(name: string): boolean {
    return this.#index.hasPack(name)
  }

  segment({ distrusted, packs, sessions }: ReturnType<typeof decodeIndexSegment>, segment: string): void {
    for (const hash of distrusted ?? []) this.#index.distrust(hash)
    for (const [i, pack] of packs.entries()) {
      const named = { pack, sessions, segment, number: this.#covered.get(segment)?.[i] }
      const size = this.#opts.listed.get(packName(pack.kind, pack.hash))
      // A blob that is also in a pack that is whole is found there.
      if (size === pack.size) this.#add(named)
      else this.#later.push(named)
    }
  }

  /** What a revoked writer says of packs fills gaps; where it is wrong that is no damage by itself. */
  segmentOfRevoked({ packs, sessions }: ReturnType<typeof decodeIndexSegment>, segment: string): void {
    for (const [i, pack] of packs.entries()) {
      if (this.#opts.listed.get(packName(pack.kind, pack.hash)) !== pack.size) continue
      this.#last.push({ pack, sessions, segment, number: this.#covered.get(segment)?.[i] })
    }
  }

  /** Adds what is not there as the index says, and tells of it. */
  async compareWithPacks(): Promise<void> {
    const { survey, listed, segments } = this.#opts
    const index = this.#index
    const broken = this.#broken
    survey.damage.doubt(index.distrusted)
    for (const named of this.#last)
      if (!this.#packs.has(packName(named.pack.kind, named.pack.hash))) this.#add(named, true)
    for (const named of await this.#notThere()) {
      const { pack } = named
      const name = packName(pack.kind, pack.hash)
      const isKnown = index.hasPack(name)
      this.#add(named, true)
      if (isKnown) continue
      const size = listed.get(name)
      if (size === undefined) {
        const message = `the index names ${pack.blocks.length} blocks in it, and it is not there`
        broken.packs.set(name, survey.damage.add(name, 'not-found', message, { later: true }))
      } else {
        const message = `it has ${size} bytes where the index says ${pack.size}`
        broken.packs.set(name, survey.damage.add(name, 'corrupt', message))
      }
    }
    // A backup that has found something wrong in a pack has stored it again: readers take that copy, and so does the check.
    if (!index.overshadowed) return
    index.demoteDistrusted()
    for await (const { name } of segments()) {
      survey.checkStopped()
      const segment = await this.#repo.readSegment(name).catch(() => undefined) // what is wrong with it was told above
      for (const pack of segment?.packs ?? []) index.prefer(pack)
    }
  }

  /** Of what was not listed as the index says, that which is not there: it may have been put since. */
  async #notThere(): Promise<readonly NamedPack[]> {
    const { survey, listed } = this.#opts
    const doubtful = this.#later.map((named) => {
      const { kind, hash, size } = named.pack
      return { named, objectName: packName(kind, hash), size }
    })
    const unlisted = doubtful.filter(({ objectName }) => !listed.has(objectName))
    const missing = new Set(await missingPacks(survey.store, unlisted))
    for (const each of unlisted) if (!missing.has(each)) this.#add(each.named)
    return doubtful.flatMap((each) => (listed.has(each.objectName) || missing.has(each) ? [each.named] : []))
  }

  /** The index may have lost segments: what they named can still be read, and is not missing. */
  async addUnnamed(isNamed: (name: string) => boolean): Promise<CheckedIndex> {
    const { survey, listed } = this.#opts
    const index = this.#index
    index.beginUnnamed()
    const unnamed = new Map<string, readonly Uint8Array[]>()
    const unknown = [...listed].filter(([name]) => !isNamed(name))
    for await (const pack of readDirectories(this.#repo.store, this.#repo.indexSealer, unknown)) {
      survey.checkStopped()
      index.addPack(pack, pack.sessions)
      unnamed.set(pack.objectName, pack.sessions)
    }
    return {
      repo: this.#repo,
      broken: this.#broken,
      index,
      packs: this.#packs,
      sessions: this.#sessions,
      unnamed,
    }
  }

  /** With `last` only for what no other pack has. */
  #add({ pack, sessions: sids, segment, number }: NamedPack, last = false): void {
    const name = packName(pack.kind, pack.hash)
    const digest = toHex(tablesDigest(pack.blocks, sids))
    const known = this.#packs.get(name)
    if (known !== undefined) {
      if (known.digest === digest) return
      const message = `it says otherwise than another segment what is in ${name}`
      this.#broken.packs.set(name, this.#opts.survey.damage.add(segment, 'corrupt', message))
      return
    }
    const first = this.#addToIndex(pack, sids, digest, number, last)
    this.#packs.set(name, { first, count: pack.blocks.length, digest })
    for (const { session } of pack.blocks) this.#sessions.set(toHex(sids[session]!), sids[session]!)
  }

  /** Where its blocks begin. */
  #addToIndex(
    pack: DecodedIndexedPack,
    sids: readonly Uint8Array[],
    digest: string,
    number: number | undefined,
    last: boolean,
  ): number {
    const packs = this.#filed?.coverage.packs
    const isAsFiled = number !== undefined && packs!.name(number) === packName(pack.kind, pack.hash)
    if (isAsFiled && packs!.tables(number) === digest) {
      this.#index.countFiled(number, last)
      return packs!.first(number)
    }
    const first = this.#index.endBlock
    this.#index.addPack(pack, sids, last)
    return first
  }
}
