// docs/format.md, 6.1: a node of the B-tree that a directory is kept as.
//
//   leaf    {0: 0, 1: [entry …]}
//   inner   {0: level, 1: [[last name, ref, entries below, bytes below] …]}
import { assert } from '../base/assert.ts'
import { compareBytes, displayText } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { decodeEntry, encodeEntry, skimSubtree } from './entry.ts'
import { LEVEL_MAX, NAME_MAX, nameFlaw, ROOT_NAME_MAX } from './entry-model.ts'
import type { Entry, NameRule } from './entry-model.ts'
import { REF_SIZE } from './extent.ts'
import type { BlobRef } from './extent.ts'

/** A child of an inner node: the last name in it, and totals of everything below. */
export interface TreeChild {
  readonly lastName: Uint8Array
  readonly ref: BlobRef
  /** Entries below, those of subdirectories among them. */
  readonly entries: number
  /** Bytes of files below. */
  readonly bytes: number
}

export type TreeNode = LeafNode | InnerNode

export interface LeafNode {
  readonly level: 0
  readonly entries: readonly Entry[]
  readonly unknown?: readonly RawField[]
}

export interface InnerNode {
  readonly level: number
  readonly children: readonly TreeChild[]
  readonly unknown?: readonly RawField[]
}

/** Entries of a leaf, children of an inner node. */
export const NODE_ITEMS_MAX = 4096
/** A leaf is cut once its entries have this many bytes, whatever the names say. */
export const LEAF_SIZE_CUT = 1024 * 1024
/** Bytes of an encoded node: 4,096 children with names of 1,024 bytes make 4.4 MiB, a leaf at most 2 MiB. */
export const NODE_SIZE_MAX = 8 * 1024 * 1024

export function isLeaf(node: TreeNode): node is LeafNode {
  return node.level === 0
}

/**
 * The bytes of a node, in an array of their own. Names in the wrong order and other broken rules are bugs and throw
 * AssertionFailed; `limit` when an entry or the node is too large.
 */
export function encodeTreeNode(node: TreeNode, rule: NameRule = {}, w: CborWriter = new CborWriter(4096)): Uint8Array {
  w.reset().openMap().key(0).uint(node.level).key(1)
  if ('entries' in node) encodeLeaf(w, node.entries, rule)
  else encodeInner(w, node, rule)
  w.rawFields(node.unknown).closeMap()
  if (w.length > NODE_SIZE_MAX) throw new BackupError('limit', `tree node needs ${w.length} bytes`, nodeSubject(node))
  return w.finish()
}

/**
 * Reads a node; `corrupt` naming `subject` if it breaks any rule. Names, refs and other byte strings are views of
 * `bytes`: they keep the whole node in memory, so copy what has to live longer.
 */
export function decodeTreeNode(bytes: Uint8Array, subject: string, rule: NameRule = {}): TreeNode {
  return readTreeNode(bytes, subject, rule, decodeLeaf)
}

/** The same, with the leaf that `leafOf` makes of the entries which it reads: `count` of them. */
export function readTreeNode<Leaf extends object>(
  bytes: Uint8Array,
  subject: string,
  rule: NameRule,
  leafOf: (r: CborReader, count: number, rule: NameRule) => Leaf,
): (Leaf & { readonly level: 0 }) | InnerNode {
  if (bytes.length > NODE_SIZE_MAX) {
    throw new BackupError('corrupt', `tree node has ${bytes.length} bytes, more than ${NODE_SIZE_MAX}`, subject)
  }
  const r = new CborReader(bytes, subject)
  const fields = r.map()
  if (fields < 2 || r.key(-1) !== 0) throw r.corrupt('is not a tree node')
  const level = r.uint(LEVEL_MAX)
  if (r.key(0) !== 1) throw r.corrupt('is not a tree node')
  const count = r.array(NODE_ITEMS_MAX)
  const items = level === 0 ? leafOf(r, count, rule) : { children: decodeInner(r, count, rule) }
  r.leave()
  const unknown = r.remainingFields(fields - 2, 1)
  r.leave()
  r.end()
  return { level, ...items, ...(unknown !== undefined && { unknown }) } as (Leaf & { readonly level: 0 }) | InnerNode
}

/**
 * Refs of the nodes that a node leads to, those of subdirectories and of a directory's lower nodes, as views: a fourth of the
 * work of decoding it, for who reads ahead. `corrupt` where it is too broken for that; what else is wrong is not looked for.
 */
export function refsBelow(bytes: Uint8Array, subject: string): BlobRef[] {
  const r = new CborReader(bytes, subject)
  if (r.map() < 2 || r.key(-1) !== 0) throw r.corrupt('is not a tree node')
  const level = r.uint(LEVEL_MAX)
  if (r.key(0) !== 1) throw r.corrupt('is not a tree node')
  const refs: BlobRef[] = []
  for (let left = r.array(NODE_ITEMS_MAX); left > 0; left--) {
    const ref = level === 0 ? skimSubtree(r)?.ref : skimChild(r)
    if (ref !== undefined) refs.push(ref)
  }
  return refs
}

function skimChild(r: CborReader): BlobRef {
  if (r.array() !== 4) throw r.corrupt('has a child that is not four fields')
  r.item()
  const ref = r.fixed(REF_SIZE)
  r.item()
  r.item()
  r.leave()
  return ref
}

function encodeLeaf(w: CborWriter, entries: readonly Entry[], rule: NameRule): void {
  const count = entries.length
  assert(count <= NODE_ITEMS_MAX, `a leaf has at most ${NODE_ITEMS_MAX} entries`)
  w.array(count)
  for (let i = 0; i < count; i++) {
    const entry = entries[i]!
    assert(i === 0 || isBefore(entries[i - 1]!.name, entry.name), 'entries ascend by name')
    encodeEntry(w, entry, rule)
  }
}

function decodeLeaf(r: CborReader, count: number, rule: NameRule): { entries: Entry[] } {
  const entries: Entry[] = []
  let previous: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    const entry = decodeEntry(r, rule)
    if (previous !== undefined && !isBefore(previous, entry.name)) throw r.corrupt('has entries out of order')
    previous = entry.name
    entries.push(entry)
  }
  return { entries }
}

function encodeInner(w: CborWriter, node: InnerNode, rule: NameRule): void {
  const { level, children } = node
  assert(level >= 1 && level <= LEVEL_MAX, `an inner node is on level 1 to ${LEVEL_MAX}`)
  assert(children.length >= 1 && children.length <= NODE_ITEMS_MAX, `an inner node has 1 to ${NODE_ITEMS_MAX} children`)
  w.array(children.length)
  let previous: Uint8Array | undefined
  for (const { lastName, ref, entries, bytes } of children) {
    assert(nameFlaw(lastName, rule) === undefined && ref.length === REF_SIZE, 'a child has a name and a ref')
    assert(previous === undefined || isBefore(previous, lastName), 'children ascend by name')
    previous = lastName
    w.array(4).bytes(lastName).bytes(ref).uint(entries).uint(bytes)
  }
}

function decodeInner(r: CborReader, count: number, rule: NameRule): TreeChild[] {
  if (count === 0) throw r.corrupt('is an inner node without children')
  const children: TreeChild[] = []
  let previous: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    if (r.array() !== 4) throw r.corrupt('has a child that is not of four parts')
    const lastName = r.bytes(rule.root === true ? ROOT_NAME_MAX : NAME_MAX)
    const flaw = nameFlaw(lastName, rule)
    if (flaw !== undefined) throw r.corrupt(`has a child that ${flaw},`)
    if (previous !== undefined && !isBefore(previous, lastName)) throw r.corrupt('has children out of order')
    previous = lastName
    children.push({ lastName, ref: r.fixed(REF_SIZE), entries: r.uint(), bytes: r.uint() })
    r.leave()
  }
  return children
}

/** Whether `a` comes before `b` in byte order; a loop because names are short and most differ early. */
function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  const shared = Math.min(a.length, b.length)
  if (shared > 64) return compareBytes(a, b) < 0
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i]! < b[i]!
  }
  return a.length < b.length
}

function nodeSubject(node: TreeNode): string {
  const name = 'entries' in node ? node.entries[0]?.name : node.children[0]?.lastName
  return name === undefined ? 'an empty directory' : `the directory that holds ${displayText(name)}`
}
