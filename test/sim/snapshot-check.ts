// Whether a snapshot holds what its run was to save: every name, every attribute, every byte, read as a restore reads it.
import { assert } from '../../src/base/assert.ts'
import { equalBytes, toHex } from '../../src/base/bytes.ts'
import { sameTime } from '../../src/base/time.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { TROUBLE } from '../../src/format/entry-model.ts'
import type { Extent } from '../../src/format/extent.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { SnapshotInfo } from '../../src/repo/history/snapshot-catalog.ts'
import type { Run } from './backup-world.ts'
import { sortedChildren, statOf } from './source-tree.ts'
import type { Inode, TreeImage, TreeNode } from './source-tree.ts'

/** Throws at the first difference. Blobs are read from the store and compared with their references on the way. */
export async function checkSnapshot(repo: Repository, snapshot: SnapshotInfo, run: Run): Promise<void> {
  const check = new SnapshotCheck(repo, run)
  const roots = await collect(repo.directoryEntries(snapshot.body.root, true))
  check.that(roots.length === 1 && Buffer.from(roots[0]!.name).toString('latin1') === run.path, '', 'is its only root')
  await check.entry(roots[0]!, run.image, '')
  const { files, directories } = snapshot.body.stats
  check.that(files === check.files && directories === check.directories, '', 'counts its files and directories')
  const troubles = check.troubled > 0
  check.that(snapshot.body.partial === troubles, '', 'says that it is partial if it is')
}

class SnapshotCheck {
  files = 0
  directories = 0
  troubled = 0
  readonly #repo: Repository
  readonly #run: Run
  readonly #groups = new Map<string, TreeNode>()

  constructor(repo: Repository, run: Run) {
    this.#repo = repo
    this.#run = run
  }

  that(condition: boolean, path: string, what: string): void {
    assert(condition, `the snapshot of ${this.#run.actor}: ${JSON.stringify(path)} ${what}`)
  }

  async entry(entry: Entry, image: TreeImage, path: string): Promise<void> {
    const states = this.#run.states.get(image.node) ?? [image.inode]
    const troubles = entry.trouble ?? []
    if (troubles.length > 0) this.troubled++
    if (entry.kind === 'directory') this.directories++
    else if (entry.kind === 'file' && entry.content !== undefined) this.files++
    const fitting = states.filter((inode) => attributesFit(entry, inode))
    this.that(fitting.length > 0, path, `has attributes that it never had: ${describe(entry)}`)
    this.#checkLinks(entry, image, path)
    if (entry.kind === 'directory') return this.#directory(entry, image, path)
    if (entry.kind === 'symlink')
      return this.that(equalBytes(entry.target!, fitting[0]!.target), path, 'has its target')
    if (entry.kind !== 'file') return
    if (troubles.includes(TROUBLE.content)) {
      return this.that(this.#run.troubles.unreadable.has(path), path, 'could not be read, which is not so')
    }
    if (troubles.includes(TROUBLE.changed)) return this.that(states.length > 1, path, 'has changed, which is not so')
    await this.#attributes(entry, fitting, path)
    await this.#content(entry, fitting, path)
  }

  async #directory(entry: Entry, image: TreeImage, path: string): Promise<void> {
    const { vanished } = this.#run.troubles
    await this.#attributes(entry, [image.inode, ...(this.#run.states.get(image.node) ?? [])], path)
    const found = await collect(this.#repo.directoryEntries(entry.subtree!.ref))
    const expected = sortedChildren(image.children!)
    const names = new Map(found.map((each) => [Buffer.from(each.name).toString('latin1'), each]))
    this.that(names.size === found.length, path, 'has each name once')
    for (const [key, child] of expected) {
      const below = `${path}/${key}`
      const entryOfChild = names.get(key)
      names.delete(key)
      if (entryOfChild === undefined) this.that(vanished.has(below), below, 'is missing')
      else await this.entry(entryOfChild, child, below)
    }
    this.that(names.size === 0, path, `has names it never had: ${[...names.keys()].join(', ')}`)
  }

  async #attributes({ xattrs = [] }: Entry, states: readonly Inode[], path: string): Promise<void> {
    const values: { name: string; value: Uint8Array }[] = []
    for (const { name, value } of xattrs) {
      const bytes = value instanceof Uint8Array ? value : await this.#bytesOf(value.extents)
      values.push({ name: toHex(name), value: bytes })
    }
    const fits = states.some(
      (inode) =>
        inode.xattrs.length === values.length &&
        inode.xattrs.every(({ name, value }, i) => {
          return toHex(name) === values[i]!.name && equalBytes(value, values[i]!.value)
        }),
    )
    this.that(fits, path, 'has its extended attributes')
  }

  async #content(entry: Entry, states: readonly Inode[], path: string): Promise<void> {
    const content = entry.content!
    // Written within one tick of the clock: nothing told the backup, and the next one reads it again.
    if (states.length > 1) return
    const expected = states[0]!.content
    this.that(entry.size === expected.size, path, 'has its size')
    if (content.kind === 'inline') {
      return this.that(equalBytes(content.bytes, expected.slice(0, expected.size)), path, 'has its content')
    }
    let position = 0
    for await (const extent of this.#repo.resolveContent(content)) {
      const { length } = extent
      if (extent.ref === undefined) this.that(expected.isZero(position, length), path, `has zeros at ${position}`)
      else {
        const bytes = await this.#blob(extent)
        this.that(equalBytes(bytes, expected.slice(position, length)), path, `has its content at ${position}`)
      }
      if (extent.fill === 'hole') {
        const hole = expected.data(position, expected.size).start >= Math.min(position + length, expected.size)
        this.that(hole, path, `has a hole at ${position}`)
      }
      position += length
    }
    this.that(position === expected.size, path, `has ${expected.size} bytes`)
  }

  async #bytesOf(extents: readonly Extent[]): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (const extent of extents) parts.push(await this.#blob(extent))
    return Buffer.concat(parts)
  }

  async #blob({ ref, offset = 0, length }: Extent): Promise<Uint8Array> {
    return (await this.#repo.readBlob('data', ref!)).slice(offset, offset + length)
  }

  /** All names of one inode share a number, and no others have it. */
  #checkLinks(entry: Entry, { node }: TreeImage, path: string): void {
    if (entry.linkGroup === undefined) return
    const group = toHex(entry.linkGroup)
    const known = this.#groups.get(group) ?? node
    this.#groups.set(group, node)
    this.that(known === node, path, 'is linked to the names it is linked to')
  }
}

function attributesFit(entry: Entry, inode: Inode): boolean {
  const stat = statOf(inode)
  return (
    entry.kind === stat.kind &&
    entry.mode === stat.mode &&
    entry.uid === stat.uid &&
    entry.gid === stat.gid &&
    entry.ino === stat.ino &&
    sameTime(entry.mtime, stat.mtime) &&
    sameTime(entry.ctime!, stat.ctime) &&
    (entry.kind === 'directory' || (entry.links ?? 1) === stat.nlink)
  )
}

function describe({ kind, mode, ino, mtime, ctime, links, size }: Entry): string {
  return JSON.stringify({ kind, mode, ino: String(ino), mtime, ctime, links, size })
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
