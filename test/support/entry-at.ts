// One entry of a snapshot by its absolute path.
import { utf8 } from '../../src/base/bytes.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { locate } from '../../src/ops/browse/tree-path.ts'
import type { NodeReader } from '../../src/ops/browse/tree-walk.ts'

export async function entryAt(reader: NodeReader, root: Uint8Array, path: string): Promise<Entry> {
  const found = await locate(reader, root, utf8(path))
  if (found.kind !== 'entry') throw new Error(`${path} is above the sources`)
  return found.entry
}
