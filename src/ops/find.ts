// Looks for files in many snapshots at once. Snapshots share most of their trees, so what was found below a directory is
// remembered by its reference: the second snapshot costs only what changed.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { Entry } from '../format/entry-model.ts'
import type { BlobRef } from '../format/extent.ts'
import { endsOf, keptEnds, nodeName, NodeOrder, type NodeEnds } from '../format/node-order.ts'
import { isLeaf } from '../format/tree-node.ts'
import { changeOf } from './diff.ts'
import { joinPath, type NodeReader } from './browse/tree-walk.ts'

/** One version of a file: the same path with the same content and attributes, in one or more snapshots. */
export interface FoundVersion<S> {
  readonly path: Uint8Array
  readonly entry: Entry
  /** In the order in which snapshots were given. */
  readonly snapshots: S[]
}

export interface FindOptions<S> {
  /** What reads the trees; a function where not all snapshots have the same, whose trees then share no reference. */
  readonly reader: NodeReader | ((snapshot: S) => Promise<NodeReader>)
  readonly snapshots: readonly S[]
  readonly rootOf: (snapshot: S) => BlobRef
  readonly matches: (path: Uint8Array, entry: Entry) => boolean
  readonly signal?: AbortSignal
  /** Told of a snapshot with a damaged tree, which is passed over; without it damage throws. */
  readonly onProblem?: (snapshot: S, problem: BackupError) => void
  /** Called after each snapshot with the number of those that are done. */
  readonly onSnapshot?: (done: number) => void
}

interface Match {
  readonly path: Uint8Array
  readonly entry: Entry
}

/** Directories whose findings are remembered; 200,000 keys are some 30 MB. */
const REMEMBERED_MAX = 200_000

/** Every version of every match, by path, then in the order of snapshots. Throws `corrupt`, `interrupted`. */
export async function findInSnapshots<S>(options: FindOptions<S>): Promise<FoundVersion<S>[]> {
  const { reader, snapshots, rootOf, signal, onProblem, onSnapshot } = options
  const finders = new Map<NodeReader, Finder>()
  const finderFor = (of: NodeReader): Finder => {
    const finder = finders.get(of) ?? new Finder(of, options.matches, signal)
    finders.set(of, finder)
    return finder
  }
  const versions = new Map<string, FoundVersion<S>[]>()
  const matchesIn = async (snapshot: S): Promise<readonly Match[]> => {
    try {
      const finder = finderFor(typeof reader === 'function' ? await reader(snapshot) : reader)
      return await finder.below(new Uint8Array(), rootOf(snapshot), true)
    } catch (error) {
      if (onProblem === undefined || !(error instanceof BackupError) || error.code !== 'corrupt') throw error
      onProblem(snapshot, error)
      return []
    }
  }
  for (const [at, snapshot] of snapshots.entries()) {
    for (const match of await matchesIn(snapshot)) addVersion(versions, match, snapshot)
    onSnapshot?.(at + 1)
  }
  return [...versions].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).flatMap(([, found]) => found)
}

function addVersion<S>(versions: Map<string, FoundVersion<S>[]>, { path, entry }: Match, snapshot: S): void {
  const key = toHex(path) // keys sort as the bytes do
  const known = versions.get(key)
  const same = known?.find((version) => version.entry === entry || isSame(version.entry, entry))
  if (same !== undefined) same.snapshots.push(snapshot)
  else if (known !== undefined) known.push({ path, entry, snapshots: [snapshot] })
  else versions.set(key, [{ path, entry, snapshots: [snapshot] }])
}

function isSame(a: Entry, b: Entry): boolean {
  return a.kind === b.kind && changeOf(a, b) === 'same'
}

interface Found {
  readonly matches: readonly Match[]
  readonly ends: NodeEnds
}

class Finder {
  readonly #reader: NodeReader
  readonly #matches: FindOptions<unknown>['matches']
  readonly #signal: AbortSignal | undefined
  readonly #remembered = new Map<string, Found>()

  constructor(reader: NodeReader, matches: FindOptions<unknown>['matches'], signal: AbortSignal | undefined) {
    this.#reader = reader
    this.#matches = matches
    this.#signal = signal
  }

  /**
   * What matches below a directory at this path. Depth is bounded by that of the tree as it was stored; each level waits
   * for its node, so the stack does not grow.
   */
  async below(path: Uint8Array, ref: BlobRef, root: boolean): Promise<readonly Match[]> {
    const order = new NodeOrder()
    return (await this.#node(path, ref, root, (ends) => order.enter(ends, nodeName(ref)), order)).matches
  }

  async #node(
    path: Uint8Array,
    ref: BlobRef,
    root: boolean,
    enter: (ends: NodeEnds) => void,
    order: NodeOrder,
  ): Promise<Found> {
    this.#signal?.throwIfAborted()
    const key = `${toHex(ref)}${toHex(path)}`
    const remembered = this.#remembered.get(key)
    if (remembered !== undefined) {
      enter(remembered.ends)
      order.pass(remembered.ends)
      return remembered
    }
    const node = await this.#reader.readNode(ref, root)
    enter(endsOf(node))
    const found: Match[] = []
    const add = (matches: readonly Match[]) => {
      for (const match of matches) found.push(match)
    }
    if (!isLeaf(node)) {
      for (const child of node.children) {
        const enterChild = (ends: NodeEnds) => order.enter(ends, nodeName(child.ref), node, child)
        add((await this.#node(path, child.ref, root, enterChild, order)).matches)
      }
    } else {
      for (const entry of node.entries) {
        const at = joinPath(path, entry.name)
        if (this.#matches(at, entry)) found.push({ path: at, entry })
        if (entry.subtree !== undefined) add(await this.below(at, entry.subtree.ref, false))
      }
    }
    const result = { matches: found, ends: keptEnds(endsOf(node)) }
    if (this.#remembered.size < REMEMBERED_MAX) this.#remembered.set(key, result)
    return result
  }
}
