// Seeded trees and what happens to them between two backups.
import type { Rng } from '../../src/base/random.ts'
import type { RawXattr } from '../../src/source/attributes.ts'
import { chance, pick, randomBelow } from '../../src/store/faults.ts'
import { FileContent } from './file-content.ts'
import type { Piece } from './file-content.ts'
import { allNodes } from './source-tree.ts'
import type { NamedNode, SourceTree, TreeNode } from './source-tree.ts'

const PAGE = 4096
const KIB = 1024
const MIB = 1024 * KIB
const FOLDER_FILES = 100

/** What a tree has besides a handful of files of all sizes. */
export interface TreeTraits {
  /** Files of a directory: above 512 it becomes several nodes. */
  readonly crowd: number
  /** Small files in directories of FOLDER_FILES: every 256 are read in one job. */
  readonly many: number
  /** A sparse file of so many bytes: above 16 MiB it is cut in segments. */
  readonly sparse: number
  /** A file that alternates between data and holes: so many extents that they need a list. */
  readonly combs: number
  /** Bytes of data in plain files, about. */
  readonly bytes: number
}

export const SMALL_TREE: TreeTraits = { crowd: 0, many: 0, sparse: 0, combs: 0, bytes: 150 * KIB }

/** By seed, some trees have what others lack. */
export function someTraits(rng: Rng): TreeTraits {
  return {
    crowd: chance(rng, 0.15) ? 600 + randomBelow(rng, 400) : 0,
    many: chance(rng, 0.15) ? 500 + randomBelow(rng, 1000) : 0,
    sparse: chance(rng, 0.25) ? pick(rng, [17, 65, 150]) * MIB : 0,
    combs: chance(rng, 0.25) ? 40 + randomBelow(rng, 60) : 0,
    bytes: (50 + randomBelow(rng, 400)) * KIB,
  }
}

export function plantTree(tree: SourceTree, rng: Rng, traits: TreeTraits): void {
  const folders = [tree.root]
  for (let i = 0; i < 4; i++) {
    const folder = tree.newNode('directory')
    tree.link(pick(rng, folders), freshKey(rng), folder)
    folders.push(folder)
  }
  const largest = traits.bytes / 3
  // Two that are empty have one and the same tree node.
  for (let i = 0; i < 2; i++) tree.link(tree.root, freshKey(rng), tree.newNode('directory'))
  const sizes = [0, 1, 512, 513, PAGE, PAGE + 1, 9 * KIB, largest, largest / 2, largest / 4, largest / 8]
  for (const size of sizes) {
    const content = FileContent.of(someBytes(rng, Math.floor(size)))
    tree.link(pick(rng, folders), freshKey(rng), tree.newNode('file', { content }))
  }
  const link = tree.newNode('symlink', { target: Buffer.from('../no such thing') })
  tree.link(pick(rng, folders), freshKey(rng), link)
  tree.link(pick(rng, folders), freshKey(rng), tree.newNode('fifo'))
  if (traits.crowd > 0) plantFolder(tree, rng, traits.crowd, () => randomBelow(rng, 40))
  for (let left = traits.many; left > 0; left -= FOLDER_FILES) {
    plantFolder(tree, rng, FOLDER_FILES, () => 513 + randomBelow(rng, 1000))
  }
  if (traits.sparse > 0) plantFile(tree, rng, sparseContent(rng, traits.sparse))
  if (traits.combs > 0) plantFile(tree, rng, combContent(rng, traits.combs))
  for (let i = 0; i < 5; i++) changeSomething(tree, rng)
}

/** One to eight changes. */
export function changeTree(tree: SourceTree, rng: Rng): void {
  for (let left = 1 + randomBelow(rng, 8); left > 0; left--) changeSomething(tree, rng)
}

/** What may happen to one file while it is read. */
export function disturbFile(tree: SourceTree, rng: Rng, node: TreeNode): void {
  if (chance(rng, 0.7)) tree.tick()
  tree.write(node, changedContent(rng, node.inode.content))
}

type Change = (tree: SourceTree, rng: Rng, names: readonly NamedNode[]) => void

function changeSomething(tree: SourceTree, rng: Rng): void {
  const names = allNodes(tree.root)
  if (names.length === 0) addFile(tree, rng, names)
  else pick(rng, CHANGES)(tree, rng, names)
}

/** What is more frequent is there more often. */
const CHANGES: readonly Change[] = [
  writeFile,
  writeFile,
  writeFile,
  writeKeepingTimes,
  touch,
  changeMode,
  changeXattrs,
  addFile,
  addFile,
  addCopy,
  addFolder,
  addHardLink,
  remove,
  remove,
  rename,
  retarget,
]

function writeFile(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const file = pickOf(rng, names, 'file')
  if (file !== undefined) tree.write(file.node, changedContent(rng, file.node.inode.content))
}

/** Same size, and the mtime is set back afterwards: only the ctime tells. */
function writeKeepingTimes(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const file = pickOf(rng, names, 'file')
  if (file === undefined || file.node.inode.content.size === 0) return
  const { content, mtime } = file.node.inode
  const at = randomBelow(rng, content.size)
  const bytes = someBytes(rng, Math.min(1 + randomBelow(rng, 100), content.size - at))
  tree.write(file.node, content.overwrite(at, bytes), mtime)
}

function touch(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const { node } = pick(rng, names)
  tree.change(node, { mtime: chance(rng, 0.5) ? tree.now() : { sec: randomBelow(rng, 2_000_000_000) - 1000, nsec: 5 } })
}

function changeMode(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  tree.change(pick(rng, names).node, { mode: randomBelow(rng, 0o10000), uid: 3_000_000_000 + randomBelow(rng, 5) })
}

function changeXattrs(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const xattrs: RawXattr[] = ['user.a', 'user.b', 'user.long']
    .filter(() => chance(rng, 0.6))
    .map((name) => ({
      name: Buffer.from(name),
      value: someBytes(rng, name === 'user.long' ? 1025 + randomBelow(rng, 3000) : randomBelow(rng, 200)),
    }))
  tree.change(pick(rng, names).node, { xattrs })
}

function addFile(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const size = Math.floor(2 ** (rng() * 16))
  const node = tree.newNode('file', { content: FileContent.of(someBytes(rng, size)) })
  tree.link(pickFolder(tree, rng, names), freshKey(rng), node)
}

/** Content that is there already: nothing of it has to be stored again. */
function addCopy(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const content = pickOf(rng, names, 'file')?.node.inode.content ?? FileContent.EMPTY
  tree.link(pickFolder(tree, rng, names), freshKey(rng), tree.newNode('file', { content }))
}

function addFolder(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const folder = tree.newNode('directory')
  tree.link(pickFolder(tree, rng, names), freshKey(rng), folder)
  for (let left = randomBelow(rng, 4); left > 0; left--) {
    const content = FileContent.of(someBytes(rng, randomBelow(rng, 2 * PAGE)))
    tree.link(folder, freshKey(rng), tree.newNode('file', { content }))
  }
}

function addHardLink(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const { node } = pick(rng, names)
  if (node.children !== undefined) return
  tree.link(pickFolder(tree, rng, names), freshKey(rng), node, node.inode.nlink + 1)
}

function remove(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const { folder, key, node } = pick(rng, names)
  if (node.children === undefined) return tree.unlink(folder, key)
  for (const inside of allNodes(node).toReversed()) tree.unlink(inside.folder, inside.key)
  tree.unlink(folder, key)
}

function rename(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const { folder, key, node } = pick(rng, names)
  // A folder is not moved into itself.
  const inside = node.children === undefined ? [] : [node, ...allNodes(node).map((each) => each.node)]
  const to = pickFolder(tree, rng, names)
  tree.rename(folder, key, inside.includes(to) ? folder : to, freshKey(rng))
}

function retarget(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): void {
  const link = pickOf(rng, names, 'symlink')
  if (link !== undefined) tree.change(link.node, { target: Buffer.from(`to ${freshKey(rng)}`), mtime: tree.now() })
}

function changedContent(rng: Rng, content: FileContent): FileContent {
  const at = randomBelow(rng, content.size + 1)
  const some = someBytes(rng, 1 + randomBelow(rng, 3 * PAGE))
  switch (randomBelow(rng, 6)) {
    case 0:
      return content.append(some)
    case 1:
      return content.insert(at, some)
    case 2:
      return content.resize(at)
    case 3:
      return content.punchHole(at - (at % PAGE), PAGE * (1 + randomBelow(rng, 30)))
    case 4:
      return content.overwrite(at, new Uint8Array(randomBelow(rng, 200 * KIB)))
    default:
      return content.overwrite(at, some)
  }
}

function plantFolder(tree: SourceTree, rng: Rng, count: number, size: () => number): void {
  const folder = tree.newNode('directory')
  tree.link(tree.root, freshKey(rng), folder)
  for (let i = 0; i < count; i++) {
    tree.link(folder, freshKey(rng), tree.newNode('file', { content: FileContent.of(someBytes(rng, size())) }))
  }
}

function plantFile(tree: SourceTree, rng: Rng, content: FileContent): void {
  tree.link(tree.root, freshKey(rng), tree.newNode('file', { content }))
}

function sparseContent(rng: Rng, size: number): FileContent {
  let content = new FileContent(size, [])
  for (let left = 6; left > 0; left--) {
    const page = randomBelow(rng, Math.floor(size / PAGE) - 16)
    content = content.overwrite(page * PAGE, someBytes(rng, (1 + randomBelow(rng, 12)) * PAGE))
  }
  return content
}

function combContent(rng: Rng, teeth: number): FileContent {
  const pieces: Piece[] = []
  for (let tooth = 0; tooth < teeth; tooth++) pieces.push({ at: tooth * 2 * PAGE, bytes: someBytes(rng, PAGE) })
  return new FileContent(teeth * 2 * PAGE, pieces)
}

/** Noise, text that compresses well, or zeros. */
function someBytes(rng: Rng, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  if (chance(rng, 0.1)) return bytes
  const noise = chance(rng, 0.6)
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = noise ? rng() * 2 ** 32 : 0x6c6f6820 + randomBelow(rng, 4)
  bytes.set(new Uint8Array(words.buffer, 0, length))
  return bytes
}

function pickOf(rng: Rng, names: readonly NamedNode[], kind: 'file' | 'symlink'): NamedNode | undefined {
  const fitting = names.filter(({ node }) => node.inode.kind === kind)
  return fitting.length === 0 ? undefined : pick(rng, fitting)
}

function pickFolder(tree: SourceTree, rng: Rng, names: readonly NamedNode[]): TreeNode {
  return pick(rng, [tree.root, ...names.map(({ node }) => node).filter(({ children }) => children !== undefined)])
}

/** A new name; some are no UTF-8. */
function freshKey(rng: Rng): string {
  const first = pick(rng, ['a', 'Z', '-', ' ', '\xe4', '\xff', '.'])
  return `${first}${Math.floor(rng() * 2 ** 52).toString(36)}`
}
