// Finds the right bytes of an object that is damaged or missing: computed from parity, or fetched from another copy of the
// repository. Neither is trusted: what counts is that the bytes are what the name of the object and its signature promise.
import { crc32 } from 'node:zlib'
import { equalBytes, fromHex } from '../../base/bytes.ts'
import { BackupError, codeOf, reasonsOf } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { hashInName, parityName, parseObjectName, snapshotName, trashCopiesPrefix } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import { decodeParityObject } from '../../format/parity-object.ts'
import type { ParityObject } from '../../format/parity-object.ts'
import { rebuildCells } from '../../parity/code.ts'
import type { Store } from '../../store/store.ts'

export type HealSource = 'parity' | 'mirror'

export interface Found {
  readonly bytes: Uint8Array
  readonly from: HealSource
}

export type Healed =
  | Found
  /** Why there are no right bytes, one reason for each place that was looked at. */
  | { readonly bytes: undefined; readonly reasons: readonly string[] }

export interface HealerOptions {
  readonly store: Store
  /** Another copy of the repository. */
  readonly mirror?: Store | undefined
  /** Throws unless the bytes are those of the object. */
  readonly verify: (name: string, parsed: ObjectName, bytes: Uint8Array) => void
}

/** What cannot be read at once is read in such pieces, then by cells. */
const PIECE = 256 * 1024

export class Healer {
  readonly #opts: HealerOptions

  constructor(opts: HealerOptions) {
    this.#opts = opts
  }

  async find(name: string, parsed: ObjectName): Promise<Healed> {
    const reasons: string[] = []
    for (const [from, look] of [
      ['parity', () => this.#byParity(name, parsed)],
      ['mirror', () => this.#fromMirror(name, parsed)],
    ] as const) {
      try {
        const bytes = await look()
        if (bytes === undefined) continue
        this.#opts.verify(name, parsed, bytes)
        return { bytes, from }
      } catch (cause) {
        if (!(cause instanceof BackupError) || !SAYS_NO.has(cause.code)) throw cause
        reasons.push(`${from}: ${reasonsOf(cause)}`)
      }
    }
    return { bytes: undefined, reasons }
  }

  async #fromMirror(name: string, parsed: ObjectName): Promise<Uint8Array | undefined> {
    const { mirror } = this.#opts
    if (mirror === undefined) return undefined
    try {
      return await mirror.get(name)
    } catch (cause) {
      if (codeOf(cause) !== 'not-found') throw cause
      const [twin] = await twinsIn(mirror, parsed)
      if (twin === undefined) throw cause
      return mirror.get(twin)
    }
  }

  async #byParity(name: string, parsed: ObjectName): Promise<Uint8Array | undefined> {
    const { store } = this.#opts
    const parity = await readParity(store, parityNameFor(name, parsed))
    if (parity === undefined) return undefined
    const { shape, sums } = parity
    const bytes = new Uint8Array(shape.length)
    const unreadable = await readInto(store, name, bytes, shape.cellSize)
    const lost = new Set<number>()
    const cell = new Uint8Array(shape.cellSize)
    for (const [i, sum] of sums.entries()) {
      const own = bytes.subarray(i * shape.cellSize, (i + 1) * shape.cellSize)
      cell.fill(0, own.length)
      cell.set(own)
      if (unreadable.has(i) || crc32(cell) !== sum) lost.add(i)
    }
    const { left } = rebuildCells(shape, bytes, parity.cells, lost, parity.lostCells)
    if (left > 0) {
      const what = `${lost.size * shape.cellSize} bytes are lost where it cannot make good so many`
      throw new BackupError('corrupt', what, parityNameFor(name, parsed))
    }
    const named = hashInName(parsed)
    const own = hash(bytes)
    if (!equalBytes(own, parity.hash) || (named !== null && !equalBytes(own, fromHex(named)!))) {
      throw new BackupError('corrupt', 'what it comes to is not the object', parityNameFor(name, parsed))
    }
    return bytes
  }
}

const SAYS_NO: ReadonlySet<BackupError['code']> = new Set([
  'corrupt',
  'not-found',
  'unsupported',
  'limit',
  'io',
  'refused',
])

/**
 * A snapshot that is in the trash here may be in its place in another copy, or the other way round, and copies in the trash have
 * names of their own: the bytes are the same.
 */
async function twinsIn(mirror: Store, parsed: ObjectName): Promise<string[]> {
  if (parsed.kind !== 'trash' && parsed.kind !== 'snapshot') return []
  const { wid, seq, hash: id } = parsed
  const inPlace = await mirror.stat(snapshotName(wid, seq, id))
  const { objects } = await mirror.list(trashCopiesPrefix(wid, seq, id))
  return [...(inPlace === null ? [] : [inPlace]), ...objects].map(({ name }) => name)
}

/** Forgotten snapshots have the parity of the snapshot: the bytes are the same. */
export function parityNameFor(name: string, parsed: ObjectName): string {
  return parityName(parsed.kind === 'trash' ? snapshotName(parsed.wid, parsed.seq, parsed.hash) : name)
}

/** As much as there is of it; undefined when there is none. */
async function readParity(store: Store, name: string): Promise<ParityObject | undefined> {
  if (parseObjectName(name) === null || (await store.stat(name)) === null) return undefined
  return decodeParityObject(await store.get(name), name)
}

/** Reads what can be read of an object; gives the numbers of the cells that cannot. Nothing of it need be there. */
async function readInto(store: Store, name: string, into: Uint8Array, cellSize: number): Promise<Set<number>> {
  const unreadable = new Set<number>()
  const info = await store.stat(name)
  const length = Math.min(info?.size ?? 0, into.length)
  const read = async (offset: number, end: number, step: number): Promise<void> => {
    for (let at = offset; at < end; at += step) {
      const size = Math.min(step, end - at)
      try {
        into.set(await store.get(name, { offset: at, length: size }), at)
      } catch (cause) {
        const code = codeOf(cause)
        if (code !== 'io' && code !== 'corrupt') throw cause
        if (step > cellSize) await read(at, at + size, cellSize)
        else unreadable.add(at / cellSize)
      }
    }
  }
  await read(0, length, Math.max(PIECE, cellSize))
  return unreadable
}
