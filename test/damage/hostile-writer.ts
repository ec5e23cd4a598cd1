// A writer whose machine is in somebody else's hands: its keys and signatures are valid, what it signs is not true.
import { toHex } from '../../src/base/bytes.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { hash } from '../../src/crypto/hash.ts'
import { Sealer } from '../../src/crypto/seal.ts'
import type { DirectoryBlock } from '../../src/format/block-table.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { sealDirectory, sealTrailer, TRAILER_STORED_SIZE } from '../../src/format/directory.ts'
import type { PackTrailer } from '../../src/format/directory.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { encodeIndexBody } from '../../src/format/index-segment.ts'
import type { IndexedPack } from '../../src/format/index-segment.ts'
import { indexName, packName, sessionKeysName, sessionName, snapshotName } from '../../src/format/names.ts'
import type { PackKind } from '../../src/format/names.ts'
import { encodeHeader, HEADER_SIZE, OBJECT_TYPES, SEALED_TYPES } from '../../src/format/object-header.ts'
import { encodeSessionIntent } from '../../src/format/session.ts'
import { encodeSessionKeys, wrapSessionSecret } from '../../src/format/session-keys.ts'
import { sealSignedPart, signObject } from '../../src/format/signed-object.ts'
import { encodeSnapshotBody } from '../../src/format/snapshot.ts'
import type { SnapshotBody } from '../../src/format/snapshot.ts'
import { encodeSummary, summaryOf } from '../../src/format/snapshot-summary.ts'
import { encodeTreeNode } from '../../src/format/tree-node.ts'
import type { TreeNode } from '../../src/format/tree-node.ts'
import type { BlobType } from '../../src/repo/index/blob-keys.ts'
import { encodeBlock } from '../../src/repo/packs/block-codec.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { WriterIdentity } from '../../src/repo/writers/writer-identity.ts'
import { SmallRepository } from './small-repository.ts'

/** Attributes that every entry has. */
export const ENTRY = { mode: 0o755, uid: 0, gid: 0, mtime: { sec: 1_600_000_000, nsec: 0 }, ino: 1n }

export class HostileWriter {
  readonly made: SmallRepository
  readonly repo: Repository
  readonly #writer: WriterIdentity
  readonly #sid: Uint8Array
  readonly #secrets: Readonly<Record<PackKind, Uint8Array>>
  readonly #packs: IndexedPack[] = []
  #open: Record<PackKind, { sealed: Uint8Array; table: DirectoryBlock }[]> = { data: [], meta: [] }
  #seq = 0
  #previous = new Uint8Array(32)

  private constructor(made: SmallRepository, repo: Repository, writer: WriterIdentity) {
    this.made = made
    this.repo = repo
    this.#writer = writer
    this.#sid = made.random(16)
    this.#secrets = { data: made.random(32), meta: made.random(32) }
  }

  /** In a repository of its own, with a session begun. */
  static async create(seed = 1): Promise<HostileWriter> {
    const made = await SmallRepository.empty(seed)
    return HostileWriter.in(made, await made.open())
  }

  /** In a repository of others, with the credential that has opened it. */
  static async in(made: SmallRepository, repo: Repository): Promise<HostileWriter> {
    const { clock, random } = made
    const state = memoryState()
    const hostile = new HostileWriter(made, repo, await writerIdentity(repo, { state, clock, random, host: 'evil' }))
    await hostile.#begin()
    return hostile
  }

  async #begin(): Promise<void> {
    const { repo } = this
    const { id: repoId, domain } = repo
    const { suite } = repo.description
    const { signer } = this.#writer
    const scope = { sid: this.#sid, repoId, suite }
    const secrets = [
      wrapSessionSecret('data', this.#secrets.data, domain.dataPublic, scope),
      wrapSessionSecret('meta', this.#secrets.meta, domain.metaPublic, scope),
    ]
    const keys = encodeSessionKeys({ sid: this.#sid, domainId: domain.id, secrets }, { suite, signer })
    await repo.store.put(sessionKeysName(this.#sid), [keys])
    const intent = { sid: this.#sid, started: timespecFromMs(1), host: 'evil', toolVersion: 'evil' }
    await repo.store.put(sessionName(this.#sid), [encodeSessionIntent(intent, { sealer: repo.indexSealer, signer })])
  }

  /** The reference that a blob of these bytes has. */
  ref(type: BlobType, plain: Uint8Array): Uint8Array {
    return this.repo.blobKeys.refOf(type, plain)
  }

  /** Stores a blob in a block of its own. */
  blob(type: BlobType, plain: Uint8Array): Uint8Array {
    const ref = this.ref(type, plain)
    this.block(type === 'data' ? 'data' : 'meta', plain, ref)
    return ref
  }

  /** A block whose table says what it likes. */
  block(
    kind: PackKind,
    plain: Uint8Array,
    ref: Uint8Array,
    lie: { plainLength?: number; sealed?: Uint8Array } = {},
  ): void {
    const type = kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
    const { sealed, codec } = encodeBlock(this.sealer(kind), type, plain, { name: 'zstd', level: 3 })
    const plainLength = lie.plainLength ?? plain.length
    const table = {
      storedLength: (lie.sealed ?? sealed).length,
      plainLength,
      codec: lie.sealed === undefined ? codec : 1,
      session: 0,
      locs: this.repo.blobKeys.locOf(ref).slice(0, LOCATOR_SIZE),
      lengths: Uint32Array.of(plainLength),
    }
    this.#open[kind].push({ sealed: lie.sealed ?? sealed, table })
  }

  /** A block of several blobs under these references. */
  bundle(kind: PackKind, blobs: readonly { readonly plain: Uint8Array; readonly ref: Uint8Array }[]): void {
    this.block(kind, Buffer.concat(blobs.map(({ plain }) => plain)), blobs[0]!.ref)
    const { table } = this.#open[kind].at(-1)!
    const locs = Buffer.concat(blobs.map(({ ref }) => this.repo.blobKeys.locOf(ref).slice(0, LOCATOR_SIZE)))
    Object.assign(table, { locs, lengths: Uint32Array.from(blobs, ({ plain }) => plain.length) })
  }

  /** The table says that the last block is the blob with this locator, whose reference need not be known. */
  lieAbout(kind: PackKind, locs: Uint8Array): void {
    Object.assign(this.#open[kind].at(-1)!.table, { locs })
  }

  sealer(kind: PackKind): Sealer {
    return this.repo.sealerOf(this.#secrets[kind])
  }

  node(node: TreeNode, root = false): Uint8Array {
    return this.blob('tree', encodeTreeNode(node, { root }))
  }

  directory(name: string, ref: Uint8Array): Entry {
    return { ...ENTRY, name: Buffer.from(name), kind: 'directory', subtree: { ref, entries: 1, bytes: 0 } }
  }

  /** The root of a snapshot whose only source `/source` has this topmost node. */
  root(ref: Uint8Array): Uint8Array {
    return this.node({ level: 0, entries: [this.directory('/source', ref)] }, true)
  }

  /** Puts what was stored; `said` is what the directory says instead of the truth. */
  async flush(said: { blocks?: readonly DirectoryBlock[]; trailer?: Partial<PackTrailer> } = {}): Promise<void> {
    const { repo } = this
    for (const kind of ['data', 'meta'] as const) {
      const blocks = this.#open[kind]
      if (blocks.length === 0) continue
      this.#open[kind] = []
      const table = blocks.map((each) => each.table)
      const directory = sealDirectory({ sessions: [this.#sid], blocks: said.blocks ?? table }, repo.indexSealer)
      const header = encodeHeader(kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, 1)
      const directoryOffset = HEADER_SIZE + blocks.reduce((sum, { sealed }) => sum + sealed.length, 0)
      const size = directoryOffset + directory.length + TRAILER_STORED_SIZE
      const trailer = { directoryOffset, directoryLength: directory.length, packLength: size, ...said.trailer }
      const sealed = sealTrailer(trailer, repo.indexSealer)
      const bytes = Buffer.concat([header, ...blocks.map((each) => each.sealed), directory, sealed])
      await repo.store.put(packName(kind, hash(bytes)), [bytes])
      this.#packs.push({ hash: hash(bytes), kind, size, blocks: table })
    }
  }

  /** Puts a segment with all packs, after `lie` has changed its body. */
  async index(
    lie: (body: Uint8Array) => Uint8Array = (body) => body,
    packs: readonly IndexedPack[] = this.#packs,
    distrusted: readonly Uint8Array[] = [],
    sessions: readonly Uint8Array[] = [this.#sid],
  ): Promise<string> {
    const body = lie(encodeIndexBody({ sessions, packs, distrusted }))
    const keys = { sealer: this.repo.indexSealer, signer: this.#writer.signer }
    const bytes = sealSignedPart(OBJECT_TYPES.indexSegment, body, keys)
    const name = indexName(hash(bytes))
    await this.repo.store.put(name, [bytes])
    return name
  }

  get packs(): readonly IndexedPack[] {
    return this.#packs
  }

  /** What its blocks name by number. */
  get sessions(): readonly Uint8Array[] {
    return [this.#sid]
  }

  get wid(): Uint8Array {
    return this.#writer.wid
  }

  get signer(): WriterIdentity['signer'] {
    return this.#writer.signer
  }

  /** Puts a snapshot with this root; `lie` changes its encoded body, `claims` its head. Gives its name. */
  async snapshot(
    root: Uint8Array,
    lie: (body: Uint8Array) => Uint8Array = (body) => body,
    claims: { readonly wid?: Uint8Array; readonly seq?: number; readonly previous?: Uint8Array } = {},
  ): Promise<string> {
    const { repo } = this
    const { signer } = this.#writer
    const { wid = this.wid, seq = ++this.#seq, previous = this.#previous } = claims
    const head = new Uint8Array(88)
    head.set(repo.id, 0)
    head.set(wid, 16)
    new DataView(head.buffer).setBigUint64(32, BigInt(seq), true)
    head.set(previous, 40)
    head.set(this.#sid, 72)
    const body = lie(encodeSnapshotBody(this.#body(root)))
    const summary = repo.reportSealer.seal(
      SEALED_TYPES.snapshotSummary,
      head,
      encodeSummary(summaryOf(this.#body(root))),
    )
    const length = new Uint8Array(2)
    new DataView(length.buffer).setUint16(0, summary.length, true)
    const sealed = this.sealer('meta').seal(OBJECT_TYPES.snapshot, head, body)
    const bytes = signObject(OBJECT_TYPES.snapshot, 1, [head, length, summary, sealed], signer)
    this.#previous = new Uint8Array(hash(bytes))
    const name = snapshotName(toHex(wid), seq, hash(bytes))
    await repo.store.put(name, [bytes])
    return name
  }

  #body(root: Uint8Array): SnapshotBody {
    const zero = { files: 0, directories: 0, others: 0, bytes: 0, newFiles: 0, changedFiles: 0, unchangedFiles: 0 }
    return {
      started: timespecFromMs(this.#seq * 1000),
      ended: timespecFromMs(this.#seq * 1000),
      host: 'evil',
      user: 'evil',
      sources: [Buffer.from('/source')],
      root,
      stats: { ...zero, newBlobs: 0, newPlainBytes: 0, storedBytes: 0 },
      troubles: [],
      troubleCount: 0,
      partial: false,
      tags: [],
      heads: [],
      toolVersion: 'evil',
      domainId: this.repo.domain.id,
    }
  }
}
