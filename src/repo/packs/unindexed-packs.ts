// Packs that no index segment names: of a backup that is under way or was killed, or of segments that are lost. A pack
// says itself what is in it, so that losing the index costs nothing but the time to read the ends of the packs.
import { fromHex } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { openDirectory, openTrailer, TRAILER_STORED_SIZE } from '../../format/directory.ts'
import type { DecodedDirectory } from '../../format/directory.ts'
import { parseObjectName } from '../../format/names.ts'
import type { Store } from '../../store/store.ts'
import type { IndexablePack } from '../index/loaded-index.ts'
import { getNamedByHash } from '../objects/named-object.ts'

export interface UnindexedPack extends IndexablePack {
  readonly objectName: string
  readonly blocks: DecodedDirectory['blocks']
  /** What the blocks refer to. */
  readonly sessions: readonly Uint8Array[]
}

/** `bytes` are those of the object. */
export interface WholePack {
  readonly pack: UnindexedPack
  readonly bytes: Uint8Array
}

/** Ends of packs read at once. */
const READS_AT_ONCE = 8

/** Reads the directories of packs, given by name with their sizes; those that are damaged or gone are left out. */
export async function* readDirectories(
  store: Store,
  sealer: Sealer,
  packs: Iterable<readonly [string, number]>,
): AsyncGenerator<UnindexedPack> {
  const all = [...packs]
  for (let at = 0; at < all.length; at += READS_AT_ONCE) {
    const some = all.slice(at, at + READS_AT_ONCE)
    const read = await Promise.all(some.map(([name, size]) => readDirectory(store, sealer, name, size).catch(unusable)))
    for (const pack of read) if (pack !== undefined) yield pack
  }
}

/**
 * Reads a pack whole and compares it with its name; undefined when it is damaged or gone.
 */
export async function readUnindexed(store: Store, sealer: Sealer, name: string): Promise<WholePack | undefined> {
  try {
    return openWhole(await getNamedByHash(store, name), sealer, name)
  } catch (error) {
    return unusable(error)
  }
}

/** A pack out of all of its bytes, which were compared with its name; undefined when it does not open with this key. */
export function openWholePack(bytes: Uint8Array, sealer: Sealer, name: string): WholePack | undefined {
  try {
    return openWhole(bytes, sealer, name)
  } catch (error) {
    return unusable(error)
  }
}

function openWhole(bytes: Uint8Array, sealer: Sealer, name: string): WholePack {
  const { length } = bytes
  if (length < TRAILER_STORED_SIZE) throw new BackupError('corrupt', `pack of ${length} bytes ends early`, name)
  const { directoryOffset: at, directoryLength } = trailerOf(name, bytes.slice(-TRAILER_STORED_SIZE), length, sealer)
  // A copy, since the tables are kept and views of it would keep the whole pack.
  const directory = openDirectory(bytes.slice(at, at + directoryLength), at, name, sealer)
  return { pack: describe(name, length, directory), bytes }
}

async function readDirectory(store: Store, sealer: Sealer, name: string, size: number): Promise<UnindexedPack> {
  const offset = size - TRAILER_STORED_SIZE
  if (offset < 0) throw new BackupError('corrupt', `pack of ${size} bytes ends early`, name)
  const end = await store.get(name, { offset, length: TRAILER_STORED_SIZE })
  const { directoryOffset, directoryLength } = trailerOf(name, end, size, sealer)
  const sealed = await store.get(name, { offset: directoryOffset, length: directoryLength })
  return describe(name, size, openDirectory(sealed, directoryOffset, name, sealer))
}

function trailerOf(name: string, sealed: Uint8Array, size: number, sealer: Sealer) {
  const trailer = openTrailer(sealed, name, sealer)
  if (trailer.packLength === size) return trailer
  throw new BackupError('corrupt', `pack has ${size} bytes, its trailer says ${trailer.packLength}`, name)
}

function describe(name: string, size: number, { blocks, sessions }: DecodedDirectory): UnindexedPack {
  const parsed = parseObjectName(name)
  if (parsed?.kind !== 'pack') throw new BackupError('corrupt', 'this is no name of a pack', name)
  return { objectName: name, hash: fromHex(parsed.hash)!, kind: parsed.packKind, size, blocks, sessions }
}

/** Nothing, for what says that there is no pack to be used; anything else is thrown. */
function unusable(error: unknown): undefined {
  const code = codeOf(error)
  if (code !== 'corrupt' && code !== 'not-found' && code !== 'limit' && code !== 'unsupported') throw error
  return undefined
}
