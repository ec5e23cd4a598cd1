// A repository that a credential has opened: what is in it, and everything needed to read blobs, trees and snapshots.
import { assert } from '../base/assert.ts'
import { equalBytes, releaseMemory, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError, doing } from '../base/errors.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import type { Content, Entry, Subtree } from '../format/entry-model.ts'
import { suiteFor } from '../format/bundle.ts'
import type { Bundle, Domain } from '../format/bundle.ts'
import { checkListPlace, decodeContentList } from '../format/content-list.ts'
import type { Extent } from '../format/extent.ts'
import { decodeIndexSegment } from '../format/index-segment.ts'
import type { DecodedIndexSegment } from '../format/index-segment.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import { decodeFreshNode } from '../format/known-entries.ts'
import type { FreshNode, KnownEntries } from '../format/known-entries.ts'
import { endsOf, nodeName, NodeOrder } from '../format/node-order.ts'
import { keySealingSuite, OBJECT_TYPES } from '../format/object-header.ts'
import { readSignerId } from '../format/signed-object.ts'
import { decodeTreeNode, isLeaf } from '../format/tree-node.ts'
import { reportKeyOf } from '../format/snapshot-summary.ts'
import type { TreeNode } from '../format/tree-node.ts'
import type { Store } from '../store/store.ts'
import { BlobKeys } from './index/blob-keys.ts'
import type { BlobType } from './index/blob-keys.ts'
import { BlockReader } from './packs/block-reader.ts'
import type { BlockSealers, Search } from './packs/block-reader.ts'
import { ClosedPacks } from './packs/closed-packs.ts'
import { condemnedIn } from './packs/condemned.ts'
import type { Condemned } from './packs/condemned.ts'
import type { PackSet } from './index/pack-names.ts'
import { DomainKeys } from './keys/domain-keys.ts'
import { readIndex, readIndexToWrite } from './index/index-reading.ts'
import type { LoadedIndex, BlobLocation, BlockPlace, PackRecord } from './index/loaded-index.ts'
import { LocalIndex } from './index/local-index.ts'
import type { LocalIndexOptions } from './index/local-index.ts'
import { openInDomain } from './keys/membership.ts'
import { listPacks, missingPacks } from './index/missing-packs.ts'
import { getNamedByHash } from './objects/named-object.ts'
import { SessionKeyRing } from './keys/session-key-ring.ts'
import { SnapshotCatalog } from './history/snapshot-catalog.ts'
import { snapshotHead } from './history/snapshot-head.ts'
import type { SnapshotInfo } from './history/snapshot-catalog.ts'
import { domainOf } from './roles.ts'
import { readDirectories } from './packs/unindexed-packs.ts'
import { TrustLog } from './history/trust-log.ts'
import type { SegmentOrigin, UsablePacks } from './index/usable-packs.ts'
import { NodesAhead } from './trees/nodes-ahead.ts'
import { sessionTimes } from './trees/session-times.ts'
import { WriterDirectory } from './writers/writer-directory.ts'

export interface OpenedRepository {
  readonly store: Store
  readonly description: RepoDescription
  readonly descriptionNumber: number
  readonly bundle: Bundle
  readonly problems?: readonly BackupError[]
  readonly newerDamaged?: readonly BackupError[]
}

interface FurtherDomain {
  readonly domain: Domain
  readonly first: Repository
}

const NONE: ReadonlySet<string> = new Set()

/** The nodes of a tree that fewer sessions have written lie close enough together to be read as they are needed. */
const AHEAD_FROM_SESSIONS = 16

export class Repository {
  readonly store: Store
  readonly description: RepoDescription
  /** In the name of that description: `format/<n>`. */
  readonly descriptionNumber: number
  readonly bundle: Bundle
  readonly id: Uint8Array
  /** What was wrong and not needed when this was opened, to be told: other key slots and descriptions. */
  readonly problems: readonly BackupError[]
  /** Descriptions that are damaged and newer than the one in use; see `checkWritable`. */
  readonly newerDamaged: readonly BackupError[]
  /** The domain that this one reads and writes; `inDomains` has the others. */
  readonly domain: Domain
  /** Of what is stored for that domain. */
  readonly suite: Suite
  readonly domainKeys: DomainKeys
  /** This repository in each domain of the credential, itself included, in their order. They share writers and catalog. */
  readonly inDomains: readonly Repository[]
  readonly blobKeys: BlobKeys
  /** Opens and seals summaries of snapshots. */
  readonly reportSealer: Sealer
  /** Seals index segments, directories and session intents. */
  readonly indexSealer: Sealer
  readonly writers: WriterDirectory
  readonly sessionKeys: SessionKeyRing
  /** Who is revoked, and which packs are attested. */
  readonly trust: TrustLog
  /** Of the writer that this machine was enrolled as, where it opened this by the key it was enrolled with. */
  machineSeed: Uint8Array | undefined
  readonly catalog: SnapshotCatalog
  /** Where a large index may lie; without it all of it is in memory (`keepIndexIn`). */
  localIndex: LocalIndex | undefined
  /** Called when the index did not name a blob and so many packs that no segment names were added to it. */
  onIncompleteIndex: (packs: number) => void = () => {}
  #index: LoadedIndex | undefined
  #reader: BlockReader | undefined
  #ahead: NodesAhead | undefined
  #searching: Search | undefined
  #completed: Promise<void> | undefined

  /** `within` is for the domains that follow the first. */
  constructor(opened: OpenedRepository, within?: FurtherDomain) {
    const { store, description, descriptionNumber, bundle, problems = [], newerDamaged = [] } = opened
    this.store = store
    this.problems = problems
    this.newerDamaged = newerDamaged
    this.description = description
    this.descriptionNumber = descriptionNumber
    this.bundle = bundle
    this.id = bundle.repoId
    const domain = within?.domain ?? bundle.domains[0]
    if (domain === undefined) throw new BackupError('wrong-key', 'this credential belongs to no domain', store.location)
    this.domain = domain
    this.suite = suiteFor(domain, description.suite)
    this.domainKeys = new DomainKeys(domain, description)
    this.blobKeys = new BlobKeys(domain)
    this.indexSealer = this.sealerOf(domain.keyIdx)
    this.reportSealer = this.sealerOf(reportKeyOf(domain))
    if (within !== undefined) {
      this.inDomains = within.first.inDomains
      this.writers = within.first.writers
      this.trust = within.first.trust
      this.sessionKeys = within.first.sessionKeys.inDomain(this)
      this.catalog = within.first.catalog
      return
    }
    this.writers = new WriterDirectory(store, bundle.rootPublic)
    this.trust = new TrustLog(this)
    this.sessionKeys = new SessionKeyRing(this)
    this.catalog = new SnapshotCatalog(this)
    const all: Repository[] = [this]
    this.inDomains = all
    for (const further of bundle.domains.slice(1)) all.push(new Repository(opened, { domain: further, first: this }))
  }

  /** The same repository in the domain of that name or id; `not-found` when the credential does not have it. */
  inDomain(spec: string): Repository {
    const wanted = domainOf(this.bundle, spec)
    return this.inDomains.find(({ domain }) => domain === wanted)!
  }

  /** The same repository in the domain to which a snapshot belongs. */
  of({ body }: Pick<SnapshotInfo, 'body'>): Repository {
    const found = this.inDomains.find(({ domain }) => equalBytes(domain.id, body.domainId))
    assert(found !== undefined, 'a snapshot that opens is of a domain of this credential')
    return found
  }

  get isIndexLoaded(): boolean {
    return this.#index !== undefined
  }

  /** Index of everything that is stored; `loadIndex` comes first. */
  get index(): LoadedIndex {
    assert(this.#index !== undefined, 'loadIndex() comes before the index is used')
    return this.#index
  }

  sealerOf(key: Uint8Array): Sealer {
    return new Sealer(key, this.id, this.suite)
  }

  /** For parts that hold keys, which are encrypted where content is not. */
  keySealerOf(key: Uint8Array): Sealer {
    return new Sealer(key, this.id, keySealingSuite(this.description.suite))
  }

  /** Reads the whole index for reading; again to see what has come since. */
  async loadIndex(): Promise<void> {
    const index = await this.readIndex(NONE)
    // A backup stores again what was in packs that are missing or closed to all: then it is taken from where it is.
    const { contested } = index
    const distrusted = contested.filter(({ objectName }) => index.distrusted.has(objectName))
    const closed = await new ClosedPacks(this).among(contested)
    const last = [...(await missingPacks(this.store, contested)), ...closed, ...distrusted]
    this.#use(last.length === 0 ? index : await this.readIndex(NONE, namesOf(last)), (ref) => this.#search(ref))
  }

  /**
   * Where a blob lies, for reading: one that the index does not name is looked for in the packs that it does not name
   * either, whose own directories are read for that once. Of one that several packs have a copy is read that is what it
   * should be, if there is any.
   */
  async locateAnywhere(type: BlobType, ref: Uint8Array): Promise<BlobLocation | undefined> {
    const location = this.locate(type, ref) ?? (await this.#searching?.(ref))
    if (location?.isContested !== true) return location
    await this.readBlob(type, ref)
    return this.locate(type, ref)
  }

  /** The index for a session that writes (index-reading.ts). */
  readIndexToWrite(
    closedPacks = new ClosedPacks(this),
    usable?: UsablePacks,
    distrust?: Iterable<string>,
  ): Promise<LoadedIndex> {
    return readIndexToWrite(this, closedPacks, usable, distrust)
  }

  /** Lets a large index lie on this machine's disk. */
  keepIndexIn(opts: LocalIndexOptions): void {
    const { id: repoId, bundle, domain, description } = this
    const suite = keySealingSuite(description.suite)
    this.localIndex = new LocalIndex(opts, { repoId, domainId: domain.id, localKey: bundle.localKey, suite })
  }

  /** Reads through an index that was loaded otherwise: that of a writing session. */
  useIndex(index: LoadedIndex): void {
    this.#use(index)
  }

  #use(index: LoadedIndex, search?: Search): void {
    this.#index = index
    this.#searching = search
    this.#completed = undefined
    const sealers: BlockSealers = (sid, kind) => this.sessionKeys.sealer(sid, kind)
    const reader = new BlockReader(this.store, index, this.blobKeys, sealers, search)
    this.#reader = reader
    this.#ahead =
      index.sessionCount < AHEAD_FROM_SESSIONS ? undefined : new NodesAhead(reader, () => sessionTimes(this.store))
  }

  async #search(ref: Uint8Array): Promise<BlobLocation | undefined> {
    const { index } = this
    await (this.#completed ??= this.#complete(index))
    return index.locate(this.blobKeys.locOf(ref))
  }

  /** Adds all packs that no segment names. */
  async #complete(index: LoadedIndex): Promise<void> {
    const unnamed = [...(await listPacks(this.store))].filter(([name]) => !index.hasPack(name))
    let added = 0
    for await (const pack of readDirectories(this.store, this.indexSealer, unnamed)) {
      index.addPack(pack, pack.sessions)
      added++
    }
    if (added > 0) this.onIncompleteIndex(added)
  }

  /** Every index segment (index-reading.ts). */
  readIndex(condemned: PackSet, last: ReadonlySet<string> = NONE): Promise<LoadedIndex> {
    return readIndex(this, { condemned, last })
  }

  /**
   * What deletion plans condemn. A plan that goes away meanwhile has been carried out: a list that is made afterwards does not
   * have its packs.
   */
  condemned(): Promise<Condemned> {
    return condemnedIn(this)
  }

  /**
   * The writer's newest snapshot, forgotten or not, onto which it signs the next (chain-end.ts). Throws `limit` when no number is
   * left for another one.
   */
  headOf(wid: Uint8Array, clock: Clock): Promise<{ readonly seq: number; readonly hash: Uint8Array } | undefined> {
    return snapshotHead(this, wid, clock)
  }

  snapshots(): Promise<SnapshotInfo[]> {
    return this.catalog.all()
  }

  findSnapshot(spec: string): Promise<SnapshotInfo> {
    return this.catalog.find(spec)
  }

  locate(_type: BlobType, ref: Uint8Array): BlobLocation | undefined {
    return this.#blocks.locate(ref)
  }

  readBlob(type: BlobType, ref: Uint8Array): Promise<Uint8Array> {
    return this.#blocks.blob(type, ref)
  }

  readBlock(place: BlockPlace): Promise<Uint8Array> {
    return this.#blocks.block(place)
  }

  async readNode(ref: Uint8Array, root = false): Promise<TreeNode> {
    const bytes = this.#ahead?.take(ref) ?? (await this.readBlob('tree', ref))
    return decodeTreeNode(bytes, nodeName(ref), { root })
  }

  /** For who is about to read all nodes of a subtree: reads them by block, where they are of many sessions. */
  async readAhead(subtree: Subtree): Promise<void> {
    await this.#ahead?.read(subtree)
  }

  /** A node that is not the topmost one of a snapshot, without the entries that are known. */
  async readFreshNode(ref: Uint8Array, known: KnownEntries): Promise<FreshNode> {
    return decodeFreshNode(await this.readBlob('tree', ref), nodeName(ref), known)
  }

  /** Entries of a directory in order of name; `root` for a snapshot's topmost one, whose names are whole paths. */
  async *directoryEntries(ref: Uint8Array, root = false): AsyncGenerator<Entry> {
    const order = new NodeOrder()
    const node = await this.readNode(ref, root)
    order.enter(endsOf(node), nodeName(ref))
    yield* this.#entriesOf(node, root, order)
  }

  async *#entriesOf(node: TreeNode, root: boolean, order: NodeOrder): AsyncGenerator<Entry> {
    if (isLeaf(node)) return yield* node.entries
    for (const child of node.children) {
      const below = await this.readNode(child.ref, root)
      order.enter(endsOf(below), nodeName(child.ref), node, child)
      yield* this.#entriesOf(below, root, order)
    }
  }

  /** Extents of a file in order, whether its entry has them or a list. */
  async *resolveContent(content: Content): AsyncGenerator<Extent> {
    if (content.kind === 'extents') yield* content.extents
    else if (content.kind === 'list') yield* this.#listExtents(content.ref, content.level)
  }

  async *#listExtents(ref: Uint8Array, level: number, bytes?: number): AsyncGenerator<Extent> {
    const subject = `content list ${toHex(ref.subarray(0, 8))}`
    const node = decodeContentList(await this.readBlob('list', ref), subject)
    checkListPlace(node, subject, level, bytes)
    if ('extents' in node) yield* node.extents
    else for (const child of node.children) yield* this.#listExtents(child.ref, level - 1, child.bytes)
  }

  /** One segment of the index; throws `corrupt` when it is not sound, `ForeignObject` when it is of another domain. */
  async readSegment(name: string): Promise<DecodedIndexSegment & SegmentOrigin> {
    return doing('reading the index', name, async () => {
      const bytes = await getNamedByHash(this.store, name)
      const id = readSignerId(OBJECT_TYPES.indexSegment, bytes, name)
      const wid = toHex(id)
      const writer = await this.writers.writer(id, 'store', name)
      const segment = openInDomain(this, writer, name, (keys) => decodeIndexSegment(bytes, name, keys))
      releaseMemory(bytes)
      return { ...segment, wid }
    })
  }

  get #blocks(): BlockReader {
    assert(this.#reader !== undefined, 'loadIndex() comes before blobs are read')
    return this.#reader
  }
}

function namesOf(packs: readonly PackRecord[]): Set<string> {
  return new Set(packs.map(({ objectName }) => objectName))
}
