// Finds a path in a snapshot. The root of a snapshot has one entry for each source, named by its absolute path
// (docs/format.md, 7), so `/srv/photos/2026` is found by its source `/srv/photos` first.
import { compareBytes, displayText, equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import { endsOf, nodeName, NodeOrder } from '../../format/node-order.ts'
import { isLeaf, type InnerNode } from '../../format/tree-node.ts'
import { directoryEntries, joinPath, type NodeReader } from './tree-walk.ts'

/** What is at a path: an entry, or a folder above the sources, which was not itself backed up. */
export type Located =
  | { readonly kind: 'entry'; readonly path: Uint8Array; readonly entry: Entry }
  | { readonly kind: 'above'; readonly path: Uint8Array; readonly sources: readonly Entry[] }

const SLASH = 0x2f
const DOT = 0x2e

/**
 * What is at `path` in the snapshot with this root. An absolute path is taken as it was when it was backed up; any other
 * is looked for below each source and from the last name of each source on. The empty path is the root. Throws
 * `not-found` naming the path, `usage` when it is found in more than one place.
 */
export async function locate(reader: NodeReader, root: BlobRef, path: Uint8Array): Promise<Located> {
  const sources = await directoryEntries(reader, root, true)
  const parts = splitPath(path)
  if (parts.length === 0) return { kind: 'above', path: new Uint8Array(), sources }
  if (path[0] === SLASH) {
    const absolute = joinParts([new Uint8Array(), ...parts])
    const found = (await below(reader, sources, absolute)) ?? above(sources, absolute)
    if (found !== undefined) return found
  } else {
    const found = await relative(reader, sources, parts)
    if (found.length === 1) return found[0]!
    if (found.length > 1) {
      const where = found.map((each) => displayText(each.path)).join(', ')
      throw new BackupError('usage', 'this path is in more than one place', displayText(path), {
        hint: `give it whole: ${where}`,
      })
    }
  }
  throw new BackupError('not-found', 'the snapshot has no such path', displayText(path), {
    hint: await hintFor(reader, sources, path),
  })
}

/** Sources that are named where nothing is near. */
const SOURCES_SHOWN = 5

async function hintFor(reader: NodeReader, sources: readonly Entry[], path: Uint8Array): Promise<string> {
  const { nearestPaths } = await import('./nearest-path.ts')
  const near = await nearestPaths(reader, sources, path)
  if (near.length > 0) return `did you mean ${near.join(' or ')}?`
  const shown = sources.slice(0, SOURCES_SHOWN).map(({ name }) => displayText(name))
  const more = sources.length - shown.length
  return `it holds ${shown.join(', ') || 'nothing'}${more > 0 ? ` and ${more} more` : ''}`
}

/** Looks below the sources that contain the path, the innermost first. */
export async function below(
  reader: NodeReader,
  sources: readonly Entry[],
  path: Uint8Array,
): Promise<(Located & { readonly kind: 'entry' }) | undefined> {
  const holding = sources.filter(({ name }) => contains(name, path)).sort((a, b) => b.name.length - a.name.length)
  for (const source of holding) {
    const entry = await descend(reader, source, splitPath(path.subarray(source.name.length)))
    if (entry !== undefined) return { kind: 'entry', path, entry }
  }
  return undefined
}

/** `a/b` in `/srv/photos` is `/srv/photos/a/b`; `photos/a` is there too, as `/srv/photos/a`. */
async function relative(
  reader: NodeReader,
  sources: readonly Entry[],
  parts: readonly Uint8Array[],
): Promise<Located[]> {
  const found: Located[] = []
  const look = async (source: Entry, below: readonly Uint8Array[]) => {
    const entry = await descend(reader, source, below)
    if (entry !== undefined) found.push({ kind: 'entry', path: joinParts([source.name, ...below]), entry })
  }
  for (const source of sources) {
    await look(source, parts)
    const own = splitPath(source.name).at(-1)
    if (own !== undefined && equalBytes(own, parts[0]!)) await look(source, parts.slice(1))
  }
  return found
}

function above(sources: readonly Entry[], path: Uint8Array): Located | undefined {
  const inside = sources.filter(({ name }) => contains(path, name))
  return inside.length === 0 ? undefined : { kind: 'above', path, sources: inside }
}

async function descend(reader: NodeReader, from: Entry, parts: readonly Uint8Array[]): Promise<Entry | undefined> {
  let entry: Entry | undefined = from
  for (const part of parts) {
    if (entry?.subtree === undefined) return undefined
    entry = await lookUp(reader, entry.subtree.ref, part)
  }
  return entry
}

/** The entry of this name in one directory, reading one node a level. */
export async function lookUp(reader: NodeReader, ref: BlobRef, name: Uint8Array): Promise<Entry | undefined> {
  const order = new NodeOrder()
  let node = await reader.readNode(ref, false)
  while (!isLeaf(node)) {
    const parent: InnerNode = node
    const child = parent.children.find(({ lastName }) => compareBytes(name, lastName) <= 0)
    if (child === undefined) return undefined
    node = await reader.readNode(child.ref, false)
    order.enter(endsOf(node), nodeName(child.ref), parent, child)
  }
  return node.entries.find((entry) => equalBytes(entry.name, name))
}

/** Parts between slashes; empty ones and `.` do not count. Throws `usage` for `..`. */
export function splitPath(path: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let from = 0; from <= path.length;) {
    const slash = path.indexOf(SLASH, from)
    const part = path.subarray(from, slash === -1 ? path.length : slash)
    if (part.length === 2 && part[0] === DOT && part[1] === DOT) {
      throw new BackupError('usage', 'a path in a snapshot cannot go up', displayText(path), {
        hint: 'write it without `..`',
      })
    }
    if (part.length > 0 && !(part.length === 1 && part[0] === DOT)) parts.push(part)
    if (slash === -1) break
    from = slash + 1
  }
  return parts
}

/** Whether `path` is `folder` or below it. */
export function contains(folder: Uint8Array, path: Uint8Array): boolean {
  if (path.length < folder.length || !equalBytes(path.subarray(0, folder.length), folder)) return false
  return path.length === folder.length || folder.at(-1) === SLASH || path[folder.length] === SLASH
}

export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = parts
  const start = first!.length === 0 ? new Uint8Array([SLASH]) : first!
  return rest.reduce<Uint8Array>((path, part) => joinPath(path, part), start)
}
