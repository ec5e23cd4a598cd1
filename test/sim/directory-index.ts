// The index as it can be made again without any segment: from the directories of all packs that are there.
import { fromHex } from '../../src/base/bytes.ts'
import { openDirectory, openTrailer, TRAILER_STORED_SIZE } from '../../src/format/directory.ts'
import { parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { LoadedIndex } from '../../src/repo/index/loaded-index.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { listAll } from '../../src/store/store.ts'

export async function indexFromDirectories({ store, indexSealer }: Repository): Promise<LoadedIndex> {
  const index = new LoadedIndex()
  for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
    for await (const { name, size } of listAll(store, prefix)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'pack') continue
      const bytes = await store.get(name)
      const trailer = openTrailer(bytes.subarray(size - TRAILER_STORED_SIZE), name, indexSealer)
      const { directoryOffset: at, directoryLength } = trailer
      const { blocks, sessions } = openDirectory(bytes.subarray(at, at + directoryLength), at, name, indexSealer)
      index.addPack({ hash: fromHex(parsed.hash)!, kind: parsed.packKind, size, blocks }, sessions)
    }
  }
  return index
}
