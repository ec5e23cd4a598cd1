// An index without packs: segments of made-up packs, signed and sealed as those of a backup are, in a repository in memory.
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import type { Rng } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { encodeIndexSegment } from '../../src/format/index-segment.ts'
import type { IndexedPack } from '../../src/format/index-segment.ts'
import { indexName, packName } from '../../src/format/names.ts'
import type { LocalIndex, LocalIndexOptions, LocalIndexPlace } from '../../src/repo/index/local-index.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { WriterIdentity } from '../../src/repo/writers/writer-identity.ts'
import { MemoryRepository } from './memory-repository.ts'

export class MadeIndex {
  readonly made: MemoryRepository
  readonly #repo: Repository
  /** By their names. */
  readonly #writers = new Map<string, WriterIdentity>()
  readonly #opened: LocalIndex[] = []

  private constructor(made: MemoryRepository, repo: Repository) {
    this.made = made
    this.#repo = repo
  }

  static async create(): Promise<MadeIndex> {
    const made = await MemoryRepository.create()
    return new MadeIndex(made, await made.open())
  }

  /** A writer of that name. */
  async writer(name: string): Promise<WriterIdentity> {
    let writer = this.#writers.get(name)
    if (writer === undefined) {
      const opts = { state: memoryState(), clock: systemClock, random: secureRandom, host: name }
      writer = await writerIdentity(this.#repo, opts)
      this.#writers.set(name, writer)
    }
    return writer
  }

  /** Opens the repository as a new process does, with a local index where `opts` say. */
  async open(opts?: LocalIndexOptions): Promise<Repository> {
    const repo = await this.made.open()
    if (opts === undefined) return repo
    repo.keepIndexIn(opts)
    this.#opened.push(repo.localIndex!)
    return repo
  }

  /** Puts a segment of these packs; its name. */
  async put(packs: readonly IndexedPack[], distrusted: readonly Uint8Array[] = [], by = 'ant'): Promise<string> {
    const segment = { sessions: SESSIONS, packs, distrusted: [...distrusted].sort(Buffer.compare) }
    const { signer } = await this.writer(by)
    const bytes = encodeIndexSegment(segment, { sealer: this.#repo.indexSealer, signer })
    const name = indexName(hash(bytes))
    await this.made.store.put(name, [bytes])
    return name
  }

  /** Closes the files of all processes. */
  close(): void {
    for (const local of this.#opened.splice(0)) local.close()
  }
}

const SESSIONS = [1, 2].map((byte) => new Uint8Array(16).fill(byte))

/** A pack with some of these blobs, in up to four blocks. */
export function packWith(locs: readonly Uint8Array[], rng: Rng): IndexedPack {
  const blocks = []
  for (let at = 0; at < locs.length;) {
    const count = Math.min(locs.length - at, 1 + Math.floor(rng() * Math.max(1, locs.length / 2)))
    const lengths = Uint32Array.from({ length: count }, () => 1 + Math.floor(rng() * 1000))
    const plainLength = lengths.reduce((sum, length) => sum + length, 0)
    blocks.push({
      storedLength: plainLength + 40,
      plainLength,
      codec: 0,
      session: Math.floor(rng() * SESSIONS.length),
      locs: new Uint8Array(Buffer.concat(locs.slice(at, at + count))),
      lengths,
    })
    at += count
  }
  const hashed = Uint8Array.from({ length: 32 }, () => Math.floor(rng() * 256))
  return { hash: hashed, kind: rng() < 0.8 ? 'data' : 'meta', size: 1_000_000, blocks }
}

/** Random locators, each with as many bytes of the one before as one of `alike` says. */
export function someLocators(count: number, rng: Rng, alike: readonly number[] = [0]): Uint8Array[] {
  const locs: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const loc = Uint8Array.from({ length: LOCATOR_SIZE }, () => Math.floor(rng() * 256))
    if (i > 0) loc.set(locs[i - 1]!.subarray(0, alike[Math.floor(rng() * alike.length)]))
    locs.push(loc)
  }
  return locs
}

export interface TestPlace extends LocalIndexOptions {
  readonly folder: string
  readonly problems: BackupError[]
}

/** A folder of its own in `scratch`; files are made of a handful of blobs, in runs of a few. */
export function testPlace(
  scratch: string,
  over: Partial<LocalIndexPlace> & Pick<LocalIndexOptions, 'tableBlobsMax'> = {},
): TestPlace {
  const { folder = mkdtempSync(join(scratch, 'x-')), kept = true, tableBlobsMax = 60 } = over
  const problems: BackupError[] = []
  const onProblem = (problem: BackupError) => problems.push(problem)
  return { folder, problems, onProblem, places: [{ folder, kept }], tableBlobsMax, runEntries: 16 }
}

export function nameOf({ kind, hash: hashed }: IndexedPack): string {
  return packName(kind, hashed)
}
