// Reads packs whole and has each verified, several at a time. The directory of a pack is opened here and compared with the
// index; the rest is work for the threads.
import { toHex } from '../../base/bytes.ts'
import { BackupError, wrap } from '../../base/errors.ts'
import { RunningSteps } from '../running-steps.ts'
import { openDirectory, openTrailer, TRAILER_STORED_SIZE } from '../../format/directory.ts'
import type { DecodedDirectory } from '../../format/directory.ts'
import { packName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import { tablesDigest } from '../../format/tables-digest.ts'
import type { Repository } from '../../repo/repository.ts'
import { ThreadPool } from '../thread-pool.ts'
import { locKey } from './broken-parts.ts'
import { isDamage } from './damage.ts'
import type { CheckedIndex } from './index-check.ts'
import type { Survey } from './object-survey.ts'
import { PackVerifier } from './pack-verifier.ts'
import type { Finding, JobBlock, PackFindings, PackJob, VerifierSetup } from './pack-verifier.ts'

export interface ListedPack {
  readonly kind: PackKind
  /** Hex. */
  readonly hash: string
  readonly size: number
  readonly receivedMs: number
}

export interface CheckedPack {
  readonly blobs: number
  readonly plainBytes: number
  /** Whether there was a key for its blocks; without one its hash was compared all the same. */
  readonly opened: boolean
  readonly isSound: boolean
  /** Of its table, when every block was opened and every blob found to be what its locator says. */
  readonly tables?: Uint8Array
}

export interface PackCheckContext {
  readonly survey: Survey
  readonly index: CheckedIndex
  /** Whether a pack that does not open may be of another domain: then it has to be what its name promises, and no more. */
  readonly mayBeForeign: boolean
  readonly threads: number
  /** Called when a pack is done. */
  readonly done: (pack: ListedPack, checked: CheckedPack) => Promise<void>
}

const YOUNG_GENERATION_MB = 8
const NO_LOCS = new Uint8Array()
const NO_LENGTHS = new Uint32Array()

export async function checkPacks(ctx: PackCheckContext, packs: Iterable<ListedPack>): Promise<void> {
  const verifier = startVerifier(setupOf(ctx.index.repo), ctx.threads)
  // A pack is read while as many are verified as there are threads: three packs of 32 MiB in memory with two threads.
  const running = new RunningSteps(verifier.width)
  const check = new PackCheck(ctx, verifier.verify)
  try {
    for (const pack of packs) {
      ctx.survey.checkStopped()
      await running.start(() => check.pack(pack))
    }
    await running.idle()
  } finally {
    await running.settled()
    await verifier.close()
  }
}

interface Verifier {
  readonly width: number
  readonly verify: (job: PackJob) => Promise<PackFindings>
  close(): Promise<void>
}

function startVerifier(setup: VerifierSetup, threads: number): Verifier {
  if (threads === 0) {
    const inline = new PackVerifier(setup)
    return { width: 1, verify: async (job) => inline.verify(job), close: async () => {} }
  }
  const script = new URL('pack-thread.ts', import.meta.url)
  const pool = new ThreadPool({ script, setup, threads, youngGenerationMb: YOUNG_GENERATION_MB })
  return {
    width: threads + 1,
    verify: (job) => pool.run<PackJob, PackFindings>(job, [job.bytes.buffer as ArrayBuffer]),
    close: () => pool.close(),
  }
}

function setupOf({ id, suite, domain, blobKeys }: Repository): VerifierSetup {
  return {
    repoId: new Uint8Array(id),
    suite,
    locKey: new Uint8Array(domain.keyLoc),
    dataKey: new Uint8Array(blobKeys.refKey('data')),
    treeKey: new Uint8Array(blobKeys.refKey('tree')),
    listKey: new Uint8Array(blobKeys.refKey('list')),
  }
}

class PackCheck {
  readonly #ctx: PackCheckContext
  readonly #verify: (job: PackJob) => Promise<PackFindings>

  constructor(ctx: PackCheckContext, verify: (job: PackJob) => Promise<PackFindings>) {
    this.#ctx = ctx
    this.#verify = verify
  }

  async pack(pack: ListedPack): Promise<void> {
    const { survey, index } = this.#ctx
    const { repo, broken } = index
    const name = packName(pack.kind, pack.hash)
    let bytes: Uint8Array
    try {
      bytes = await repo.store.get(name)
    } catch (cause) {
      const error = wrap('reading a pack', name, cause)
      if (isDamage(error)) broken.packs.set(name, survey.damage.addError(error, name))
      else if (error.code === 'io' || error.code === 'refused') {
        survey.unreadable.push({ object: name, message: error.message })
      } else throw error
      return this.#ctx.done(pack, { blobs: 0, plainBytes: 0, opened: false, isSound: false })
    }
    const directory = this.#directory(name, bytes)
    const sids = directory?.sessions ?? this.#indexedSessions(name)
    const sessions = await this.#sessions(name, sids, pack.kind)
    const blocks = directory === undefined ? this.#indexedBlocks(name, sids) : directory.blocks.map(ownBlock)
    const tables = directory && tablesDigest(directory.blocks, directory.sessions)
    // What was compared is moved to the thread, with all views of it.
    const job = { objectName: name, ...pack, bytes: ownBytes(bytes), blocks: withSessions(blocks, sessions), sessions }
    const opened = job.blocks.length === 0 || job.blocks.some(({ session }) => session >= 0)
    const { blobs, plainBytes, findings } = await this.#verify({ ...job, sessions: sessions.map(withSecret) })
    for (const finding of findings) this.#note(name, finding)
    const isWhole = findings.length === 0 && job.blocks.every(({ session }) => session >= 0)
    const attested = isWhole && tables !== undefined ? { tables } : {}
    await this.#ctx.done(pack, { blobs, plainBytes, opened, isSound: !survey.damage.has(name), ...attested })
  }

  /** The pack's own table, compared with the index; undefined when it cannot be opened, which is damage of a pack of this domain. */
  #directory(name: string, bytes: Uint8Array): DecodedDirectory | undefined {
    const { survey, index, mayBeForeign } = this.#ctx
    const { repo, broken } = index
    if (mayBeForeign) return undefined
    try {
      const end = bytes.length - TRAILER_STORED_SIZE
      if (end < 0) throw new BackupError('corrupt', `pack of ${bytes.length} bytes ends early`, name)
      const trailer = openTrailer(bytes.subarray(end), name, repo.indexSealer)
      if (trailer.packLength !== bytes.length) {
        throw new BackupError('corrupt', `pack has ${bytes.length} bytes, its trailer says ${trailer.packLength}`, name)
      }
      const { directoryOffset, directoryLength } = trailer
      const sealed = bytes.subarray(directoryOffset, directoryOffset + directoryLength)
      const directory = openDirectory(sealed, directoryOffset, name, repo.indexSealer)
      const flaw = this.#comparedWithIndex(name, directory)
      // Readers go by the index, so nothing is where they look for it.
      if (flaw !== undefined) broken.packs.set(name, survey.damage.add(name, 'corrupt', flaw))
      return directory
    } catch (cause) {
      if (!(cause instanceof BackupError) || !isDamage(cause)) throw cause
      survey.damage.addError(cause, name)
      return undefined
    }
  }

  #comparedWithIndex(name: string, { blocks, sessions }: DecodedDirectory): string | undefined {
    const indexed = this.#ctx.index.packs.get(name)
    if (indexed === undefined) return undefined // of a backup that was cut off: nothing refers to it yet
    if (indexed.count !== blocks.length) return `its directory has ${blocks.length} blocks, the index ${indexed.count}`
    if (indexed.digest !== toHex(tablesDigest(blocks, sessions)))
      return 'its directory has other blobs than the index says'
    return undefined
  }

  #indexedSessions(name: string): Uint8Array[] {
    const sids = new Map<string, Uint8Array>()
    for (const { sid } of this.#indexed(name)) sids.set(toHex(sid), sid)
    return [...sids.values()]
  }

  /** Without its directory the blobs of a block are not known, its seal still is. */
  #indexedBlocks(name: string, sids: readonly Uint8Array[]): JobBlock[] {
    const numbers = new Map(sids.map((sid, i) => [toHex(sid), i]))
    return this.#indexed(name).map(({ offset, storedLength, plainLength, codec, sid }) => {
      const session = numbers.get(toHex(sid))!
      return { offset, storedLength, plainLength, codec, session, locs: NO_LOCS, lengths: NO_LENGTHS }
    })
  }

  #indexed(name: string) {
    const { index, packs } = this.#ctx.index
    const indexed = packs.get(name)
    if (indexed === undefined) return []
    return Array.from(index.blockNumbers(indexed.first, indexed.count), (number) => index.block(number))
  }

  /** Secrets of sessions; undefined where one cannot be had, which was told when the sessions were checked. */
  #sessions(name: string, sids: readonly Uint8Array[], kind: PackKind): Promise<Session[]> {
    const { survey, index } = this.#ctx
    const { repo } = index
    return Promise.all(
      sids.map(async (sid) => {
        try {
          return { sid: toHex(sid), secret: await repo.sessionKeys.secret(sid, kind) }
        } catch (cause) {
          if (!(cause instanceof BackupError)) throw cause
          if (isDamage(cause)) survey.damage.addError(cause, name)
          else if (cause.code !== 'wrong-key') throw cause
          return { sid: toHex(sid), secret: undefined }
        }
      }),
    )
  }

  #note(name: string, { block, loc, code, message }: Finding): void {
    const { survey, index } = this.#ctx
    const { broken } = index
    const record = survey.damage.add(name, code, message)
    const indexed = index.packs.get(name)
    if (loc !== undefined) broken.locs.set(locKey(name, loc), record)
    else if (block !== undefined && indexed !== undefined) {
      const number = [...index.index.blockNumbers(indexed.first, indexed.count)][block]
      if (number !== undefined) broken.blocks.set(number, record)
    }
  }
}

interface Session {
  readonly sid: string
  readonly secret: Uint8Array | undefined
}

const NO_SECRET = new Uint8Array(32)

function withSecret({ sid, secret }: Session): { sid: string; secret: Uint8Array } {
  return { sid, secret: new Uint8Array(secret ?? NO_SECRET) }
}

function withSessions(blocks: readonly JobBlock[], sessions: readonly Session[]): JobBlock[] {
  return blocks.map((block) => (sessions[block.session]?.secret === undefined ? { ...block, session: -1 } : block))
}

/** Views would take the memory around them along to the other thread. */
function ownBlock(block: DecodedDirectory['blocks'][number]): JobBlock {
  const { offset, storedLength, plainLength, codec, session } = block
  const locs = new Uint8Array(block.locs)
  return { offset, storedLength, plainLength, codec, session, locs, lengths: new Uint32Array(block.lengths) }
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}
