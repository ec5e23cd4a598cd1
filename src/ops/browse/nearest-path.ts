// What may have been meant by a path that a snapshot does not have: the same with another last name, where the folder is there.
import { displayText } from '../../base/bytes.ts'
import { nearWords } from '../../base/near-words.ts'
import type { Entry } from '../../format/entry-model.ts'
import { contains, joinParts, lookUp, splitPath } from './tree-path.ts'
import { directoryEntries, type NodeReader } from './tree-walk.ts'

/** Larger folders are not searched. */
const NAMES_MAX = 10_000
const SLASH = 0x2f

/** Whole paths, for people; none when nothing is near. */
export async function nearestPaths(
  reader: NodeReader,
  sources: readonly Entry[],
  path: Uint8Array,
): Promise<readonly string[]> {
  const parts = splitPath(path)
  const isWhole = path[0] === SLASH
  const near: string[] = []
  for (const source of sources) {
    if (isWhole && !contains(source.name, path)) continue
    const below = isWhole ? parts.slice(splitPath(source.name).length) : parts
    near.push(...(await nearBelow(reader, source, below)))
  }
  if (near.length > 0) return near.slice(0, PATHS_MAX)
  const names = sources.map(({ name }) => displayText(name))
  return nearWords(displayText(path), isWhole ? names : names.map((name) => name.slice(name.lastIndexOf('/') + 1)))
}

const PATHS_MAX = 3

/** Goes down as far as the names are right, and looks for what is like the next one there. */
async function nearBelow(reader: NodeReader, source: Entry, parts: readonly Uint8Array[]): Promise<readonly string[]> {
  let folder: Entry = source
  const there: Uint8Array[] = [source.name]
  for (const part of parts) {
    if (folder.subtree === undefined || folder.subtree.entries > NAMES_MAX) return []
    const next = await lookUp(reader, folder.subtree.ref, part)
    if (next === undefined) {
      const names = (await directoryEntries(reader, folder.subtree.ref)).map(({ name }) => displayText(name))
      return nearWords(displayText(part), names).map((name) => `${displayText(joinParts(there))}/${name}`)
    }
    there.push(part)
    folder = next
  }
  return []
}
