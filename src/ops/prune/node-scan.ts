// What the nodes of one block refer to. Pure; runs in worker threads and, for small repositories and the simulator, in the
// thread of the caller. Nodes that lie in the same block as one that names them are read on the way: a snapshot's changed
// nodes lie together, so that a block is opened once or twice.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { decodeContentList } from '../../format/content-list.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { Extent } from '../../format/extent.ts'
import { nodeName } from '../../format/node-order.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeTreeNode, isLeaf } from '../../format/tree-node.ts'
import { decodeBlockBriefly } from '../../repo/packs/block-codec.ts'

export interface ScanSetup {
  readonly repoId: Uint8Array
  readonly suite: Suite
  /** `K_loc`, and the keys under which nodes and content lists are hashed. */
  readonly locKey: Uint8Array
  readonly treeKey: Uint8Array
  readonly listKey: Uint8Array
}

/** A tree node, the topmost node of a snapshot, or a node of a content list. */
export const NODE = { tree: 0, root: 1, list: 2 } as const
export type NodeKind = (typeof NODE)[keyof typeof NODE]

/** A node of a block that is to be read. */
export interface WantedNode {
  /** Which blob of the block it is. */
  readonly index: number
  readonly ref: Uint8Array
  readonly kind: NodeKind
}

export interface ScanJob {
  readonly objectName: string
  readonly sid: string
  readonly secret: Uint8Array
  readonly sealed: Uint8Array
  readonly codec: number
  readonly plainLength: number
  /** Plain lengths of the block's blobs, and the first 16 bytes of their locators. */
  readonly lengths: Uint32Array
  readonly locs: Uint8Array
  /** One byte for each blob: 1 when it needs not be read, for it was before. */
  readonly done: Uint8Array
  readonly wanted: readonly WantedNode[]
}

/** Something that a node refers to and that does not lie in the same block. */
export interface OutsideNode {
  readonly ref: Uint8Array
  readonly kind: NodeKind
}

export interface ScanResult {
  /** Blobs of the block that were read and are what they have to be. */
  readonly read: readonly number[]
  /** Wanted blobs that are not. */
  readonly failed: readonly { readonly index: number; readonly message: string }[]
  /** Locators of data blobs that nodes refer to, 24 bytes each. */
  readonly data: Uint8Array
  readonly nodes: readonly OutsideNode[]
}

/** Bytes of a locator that tell blobs of a block apart: as in a BlobTable. */
const SHORT_LOC = 16

export class NodeScanner {
  readonly #setup: ScanSetup
  readonly #sealers = new Map<string, Sealer>()

  constructor(setup: ScanSetup) {
    this.#setup = setup
  }

  /** Throws `corrupt` when the block does not open. */
  scan(job: ScanJob): ScanResult {
    const { objectName: subject, sealed, codec, plainLength } = job
    const type = SEALED_TYPES.metaBlock
    const plain = decodeBlockBriefly(this.#sealer(job), { type, sealed, codec, plainLength, subject })
    return new BlockScan(this.#setup, job, plain).run()
  }

  #sealer({ sid, secret }: ScanJob): Sealer {
    let sealer = this.#sealers.get(sid)
    if (sealer === undefined) {
      sealer = new Sealer(secret, this.#setup.repoId, this.#setup.suite)
      this.#sealers.set(sid, sealer)
    }
    return sealer
  }
}

class BlockScan {
  readonly #setup: ScanSetup
  readonly #job: ScanJob
  readonly #plain: Uint8Array
  readonly #starts: Uint32Array
  readonly #done: Uint8Array
  /** Numbers of the block's blobs by their short locators. */
  readonly #byLoc = new Map<string, number>()
  readonly #wanted: WantedNode[]
  readonly #data: Uint8Array[] = []
  readonly #nodes: OutsideNode[] = []
  readonly #read: number[] = []
  readonly #failed: { readonly index: number; readonly message: string }[] = []

  constructor(setup: ScanSetup, job: ScanJob, plain: Uint8Array) {
    this.#setup = setup
    this.#job = job
    this.#plain = plain
    this.#done = job.done.slice()
    this.#wanted = [...job.wanted]
    this.#starts = new Uint32Array(job.lengths.length)
    let at = 0
    for (let i = 0; i < job.lengths.length; i++) {
      this.#starts[i] = at
      at += job.lengths[i]!
      if (this.#done[i] === 0) this.#byLoc.set(shortKey(job.locs, i * SHORT_LOC), i)
    }
  }

  run(): ScanResult {
    for (let node = this.#wanted.pop(); node !== undefined; node = this.#wanted.pop()) {
      try {
        this.#node(node)
        this.#read.push(node.index)
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        // What only lies here too may be sound where it counts.
        if (this.#job.wanted.includes(node)) this.#failed.push({ index: node.index, message: error.message })
        else this.#nodes.push({ ref: node.ref, kind: node.kind })
      }
    }
    const data = new Uint8Array(this.#data.length * LOCATOR_SIZE)
    for (const [i, loc] of this.#data.entries()) data.set(loc, i * LOCATOR_SIZE)
    return { read: this.#read, failed: this.#failed, data, nodes: this.#nodes }
  }

  #node({ index, ref, kind }: WantedNode): void {
    const start = this.#starts[index]!
    const bytes = this.#plain.subarray(start, start + this.#job.lengths[index]!)
    const { treeKey, listKey } = this.#setup
    if (!equalBytes(keyedHash(kind === NODE.list ? listKey : treeKey, bytes), ref)) {
      throw new BackupError('corrupt', `${nodeName(ref)} is not what its reference says`, this.#job.objectName)
    }
    if (kind === NODE.list) this.#list(bytes, ref)
    else this.#tree(bytes, ref, kind)
  }

  #tree(bytes: Uint8Array, ref: Uint8Array, kind: NodeKind): void {
    const node = decodeTreeNode(bytes, nodeName(ref), { root: kind === NODE.root })
    if (!isLeaf(node)) {
      for (const child of node.children) this.#refer(child.ref, kind)
      return
    }
    for (const { subtree, content, xattrs } of node.entries) {
      if (subtree !== undefined) this.#refer(subtree.ref, NODE.tree)
      if (content?.kind === 'extents') this.#extents(content.extents)
      else if (content?.kind === 'list') this.#refer(content.ref, NODE.list)
      for (const { value } of xattrs ?? []) if (!(value instanceof Uint8Array)) this.#extents(value.extents)
    }
  }

  #list(bytes: Uint8Array, ref: Uint8Array): void {
    const node = decodeContentList(bytes, `content list ${toHex(ref.subarray(0, 8))}`)
    if ('extents' in node) this.#extents(node.extents)
    else for (const child of node.children) this.#refer(child.ref, NODE.list)
  }

  #extents(extents: readonly Extent[]): void {
    for (const { ref } of extents) if (ref !== undefined) this.#data.push(this.#locOf(ref))
  }

  #refer(ref: Uint8Array, kind: NodeKind): void {
    const index = this.#byLoc.get(shortKey(this.#locOf(ref), 0))
    // A copy: the block's memory is used again.
    const own = ref.slice()
    if (index === undefined) this.#nodes.push({ ref: own, kind })
    else if (this.#done[index] === 0) {
      this.#done[index] = 1
      this.#wanted.push({ index, ref: own, kind })
    }
  }

  #locOf(ref: Uint8Array): Uint8Array {
    return keyedHash(this.#setup.locKey, ref).slice(0, LOCATOR_SIZE)
  }
}

function shortKey(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, SHORT_LOC).toString('latin1')
}
