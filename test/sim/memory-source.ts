// What a backup reads from in the simulator: a tree in memory, with programs that write to it meanwhile.
import type { Rng } from '../../src/base/random.ts'
import type { FileReader, OpenFile } from '../../src/ops/backup/file-reader.ts'
import type { BackupReport } from '../../src/ops/backup/report.ts'
import type { Scan } from '../../src/ops/backup/scan.ts'
import type { BackupSource } from '../../src/ops/backup/source.ts'
import type { FileStat } from '../../src/posix/stat.ts'
import type { OtherExtras } from '../../src/source/attributes.ts'
import { compareWithParent } from '../../src/source/change-detection.ts'
import { chance, randomBelow } from '../../src/store/faults.ts'
import { disturbFile } from './source-changes.ts'
import { sortedChildren, statOf } from './source-tree.ts'
import type { SourceTree, TreeNode } from './source-tree.ts'

/** Bytes at the front of a worker's memory in which blobs wait that are hashed already: a bundle of the simulator's size. */
const WRECKED_MAX = 8 * 1024

export interface MemorySourceOptions {
  readonly tree: SourceTree
  /** Absolute path under which the tree is backed up. */
  readonly path: string
  readonly rng: Rng
  /** Lets others run; between directories and after every few files. */
  readonly pause: () => Promise<void>
  /** Probability that a program writes to a file at each read of it. */
  readonly disturb?: number
  /** Probability that a file that is about to be opened has just been removed. */
  readonly vanish?: number
  /** Probability that a read fails as on a bad disk. */
  readonly unreadable?: number
  /** Probability that a read lets a bit of the worker's memory fall over, before the place where it begins to read to. */
  readonly badMemory?: number
  /** Gets told what the source has seen. */
  readonly troubles: SourceTroubles
}

/** Where in a run the source has seen trouble: what the snapshot may lack, by path below the source. */
export interface SourceTroubles {
  readonly vanished: Set<string>
  readonly unreadable: Set<string>
}

export class MemorySource implements BackupSource, FileReader {
  readonly paths: readonly Uint8Array[]
  readonly #opts: MemorySourceOptions

  constructor(opts: MemorySourceOptions) {
    this.#opts = opts
    this.paths = [latin1(opts.path)]
  }

  async walk(scan: Scan, _report: BackupReport, check: () => void): Promise<void> {
    const path = this.paths[0]!
    await this.#enter(scan, this.#opts.path, path, this.#opts.tree.root, check)
  }

  compare: BackupSource['compare'] = (entry, { stat }, since) => compareWithParent(entry, stat, since)

  restat(path: Uint8Array): FileStat {
    return statOf(this.#find(path).inode)
  }

  open(path: Uint8Array): OpenFile {
    const { tree, rng, disturb = 0, vanish = 0, unreadable = 0, badMemory = 0 } = this.#opts
    const below = this.#below(path)
    if (chance(rng, vanish) && this.#remove(below)) this.#opts.troubles.vanished.add(below)
    const node = this.#find(path)
    if (node.inode.kind !== 'file') throw systemError('ELOOP', 'too many symbolic links encountered')
    return {
      opened: statOf(node.inode),
      read: (arena, offset, length, position) => {
        if (chance(rng, unreadable)) {
          this.#opts.troubles.unreadable.add(below)
          throw systemError('EIO', 'i/o error')
        }
        // A large part comes in pieces, and somebody may write in between.
        const part = chance(rng, 0.5) ? length : Math.max(1, Math.floor(rng() * length))
        const got = node.inode.content.read(arena, offset, part, position)
        const ahead = position === 0 ? Math.min(offset, WRECKED_MAX) : 0
        if (ahead > 0 && chance(rng, badMemory)) arena[randomBelow(rng, ahead)]! ^= 1
        if (chance(rng, disturb)) disturbFile(tree, rng, node)
        return got
      },
      stat: () => statOf(node.inode),
      data: (position, size) => node.inode.content.data(position, size),
      attributes: () => ({ failed: false, ...xattrsOf(node) }),
      close: () => {},
    }
  }

  async #enter(scan: Scan, name: string, path: Uint8Array, node: TreeNode, check: () => void): Promise<void> {
    check()
    await this.#opts.pause()
    const found = { name: latin1(name), key: name, path, stat: statOf(node.inode) }
    await scan.enter(found, () => extrasOf(node))
    // As a walker does: names and states of a directory first, then one after the other.
    const listed = sortedChildren(node.children!).map(([key, child]) => ({ key, child, stat: statOf(child.inode) }))
    for (const { key, child, stat } of listed) {
      const childPath = latin1(`${Buffer.from(path).toString('latin1')}/${key}`)
      const inside = { name: latin1(key), key, path: childPath, stat }
      if (stat.kind === 'directory') await this.#enter(scan, key, childPath, child, check)
      else if (stat.kind === 'file') await scan.file(inside, () => extrasOf(child))
      else await scan.other(inside, () => extrasOf(child))
    }
    scan.leave(true)
  }

  #remove(below: string): boolean {
    const { tree } = this.#opts
    const slash = below.lastIndexOf('/')
    const folder = tree.find(below.slice(0, slash))
    const key = below.slice(slash + 1)
    if (folder?.children?.has(key) !== true) return false
    tree.unlink(folder, key)
    return true
  }

  #find(path: Uint8Array): TreeNode {
    const node = this.#opts.tree.find(this.#below(path))
    if (node === undefined) throw systemError('ENOENT', 'no such file or directory')
    return node
  }

  #below(path: Uint8Array): string {
    return Buffer.from(path).toString('latin1').slice(this.#opts.path.length)
  }
}

function extrasOf(node: TreeNode): OtherExtras {
  return { ...xattrsOf(node), ...(node.inode.kind === 'symlink' && { target: node.inode.target }) }
}

function xattrsOf({ inode }: TreeNode): Pick<OtherExtras, 'xattrs'> {
  return inode.xattrs.length === 0 ? {} : { xattrs: inode.xattrs }
}

function systemError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}, open`), { code, syscall: 'open' })
}

/** One byte for each character; owns its memory. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
