import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, utf8 } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { seededRng } from '../../base/random.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import type { Entry } from '../../format/entry-model.ts'
import { encodeTreeNode, refsBelow } from '../../format/tree-node.ts'
import type { BlobLocation, BlockPlace } from '../index/loaded-index.ts'
import { NodesAhead } from './nodes-ahead.ts'
import type { NodeSource } from './nodes-ahead.ts'

await initHashing()

const FOLDERS = 12
const SUBFOLDERS = 12
const PLAIN = { mode: 0o755, uid: 0, gid: 0, mtime: { sec: 1, nsec: 0 }, ino: 1n } as const
const SUBTREE = { entries: 5000, bytes: 0 }

/** Nodes in blocks of three, as backups store them that each change a few folders: what a node leads to comes before it. */
class History implements NodeSource {
  readonly #nodes = new Map<string, { readonly bytes: Uint8Array; readonly location: BlobLocation }>()
  readonly #blocks: Uint8Array[] = []
  readonly times = new Map<string, number>()
  /** Numbers of blocks, each time one was opened. */
  readonly opened: number[] = []
  /** Numbers of blocks that cannot be opened. */
  readonly damaged = new Set<number>()
  isContested = false
  root: Uint8Array = new Uint8Array()

  constructor(backups: number) {
    const rng = seededRng(5)
    const folders = Array.from({ length: FOLDERS }, () => Array.from({ length: SUBFOLDERS }, () => 0))
    const refs = new Map<string, Uint8Array>()
    for (let backup = 1; backup <= backups; backup++) {
      const session = new Session(this, backup)
      const changed = new Set<number>()
      for (const [i, subfolders] of folders.entries()) {
        for (const j of subfolders.keys()) {
          if (backup > 1 && rng() > 0.03) continue
          refs.set(`${i}/${j}`, session.store([{ ...PLAIN, kind: 'fifo', name: utf8(`f${i}.${j}.${backup}`) }]))
          changed.add(i)
        }
        if (!changed.has(i)) continue
        refs.set(`${i}`, session.store(subfolders.map((_, j) => folder(`${i}/${j}`, refs))))
      }
      this.root = session.store(folders.map((_, i) => folder(`${i}`, refs)))
      session.close()
    }
  }

  put(plain: Uint8Array, nodes: readonly Uint8Array[], session: number): void {
    const sid = new Uint8Array(16).fill(session)
    const number = this.#blocks.push(plain) - 1
    // Packs have no order of their own: their names are hashes.
    const pack = { objectName: `meta/${toHex(hash(sid))}`, kind: 'meta', size: 0, sessions: [] } as const
    const size = plain.byteLength
    const block: BlockPlace = { number, pack, offset: number, storedLength: size, plainLength: size, codec: 0, sid }
    let offset = 0
    for (const bytes of nodes) {
      this.#nodes.set(toHex(hash(bytes)), { bytes, location: { block, offset, length: bytes.byteLength } })
      offset += bytes.byteLength
    }
    this.times.set(toHex(sid), session)
  }

  bytesOf(ref: Uint8Array): Uint8Array {
    return this.#nodes.get(toHex(ref))!.bytes
  }

  locate(ref: Uint8Array): BlobLocation | undefined {
    const location = this.#nodes.get(toHex(ref))?.location
    return location === undefined || !this.isContested ? location : { ...location, isContested: true }
  }

  async briefly<T>(place: BlockPlace, step: (plain: Uint8Array) => T): Promise<T> {
    this.opened.push(place.number)
    if (this.damaged.has(place.number)) throw new BackupError('corrupt', 'block is damaged', place.pack.objectName)
    return step(this.#blocks[place.number]!)
  }

  verify(_: 'tree', bytes: Uint8Array, ref: Uint8Array): void {
    assert.deepEqual(hash(bytes), ref)
  }

  /** Refs of the nodes of the newest tree that were read ahead, and of those that were not. */
  taken(ahead: NodesAhead): { readonly there: number; readonly missing: readonly Uint8Array[] } {
    const missing: Uint8Array[] = []
    let there = 0
    const visit = (ref: Uint8Array, depth: number) => {
      const bytes = ahead.take(ref)
      if (bytes === undefined) missing.push(ref)
      else {
        there++
        assert.deepEqual(bytes, this.bytesOf(ref))
      }
      if (depth < 2) for (const below of refsBelow(this.bytesOf(ref), 'node')) visit(below, depth + 1)
    }
    visit(this.root, 0)
    return { there, missing }
  }
}

class Session {
  readonly #history: History
  readonly #number: number
  #nodes: Uint8Array[] = []

  constructor(history: History, number: number) {
    this.#history = history
    this.#number = number
  }

  store(entries: readonly Entry[]): Uint8Array {
    const bytes = encodeTreeNode({ level: 0, entries: entries.toSorted((a, b) => Buffer.compare(a.name, b.name)) })
    this.#nodes.push(bytes)
    if (this.#nodes.length === 3) this.close()
    return hash(bytes)
  }

  close(): void {
    if (this.#nodes.length > 0) this.#history.put(Buffer.concat(this.#nodes), this.#nodes, this.#number)
    this.#nodes = []
  }
}

function folder(path: string, refs: ReadonlyMap<string, Uint8Array>): Entry {
  const subtree = { ref: refs.get(path)!, ...SUBTREE }
  return { ...PLAIN, kind: 'directory', name: utf8(path.replace('/', '.')), subtree }
}

const NODES = 1 + FOLDERS + FOLDERS * SUBFOLDERS

async function readAhead(history: History, times: ReadonlyMap<string, number> = history.times): Promise<NodesAhead> {
  const ahead = new NodesAhead(history, () => Promise.resolve(times))
  await ahead.read({ ref: history.root, ...SUBTREE })
  return ahead
}

test('each block that has a node of the newest tree is opened once, however many backups have changed it', async () => {
  const history = new History(60)
  const ahead = await readAhead(history)
  assert.equal(history.opened.length, new Set(history.opened).size)
  assert.equal(history.taken(ahead).there, NODES)
})

test('without the times of sessions all is read as well, with some blocks opened again', async () => {
  const history = new History(60)
  const ahead = await readAhead(history, new Map())
  assert(history.opened.length > new Set(history.opened).size)
  assert.equal(history.taken(ahead).there, NODES)
})

test('what is in a block that cannot be opened is left to who asks for it, and nothing else', async () => {
  const history = new History(60)
  const number = (ref: Uint8Array) => history.locate(ref)!.block.number
  const lost = number(
    refsBelow(history.bytesOf(history.root), 'root').find((ref) => number(ref) !== number(history.root))!,
  )
  history.damaged.add(lost)
  const { there, missing } = history.taken(await readAhead(history))
  assert(there > 0)
  assert(missing.some((ref) => number(ref) === lost))
})

test('a node is handed out once, and of those that several packs have none', async () => {
  const history = new History(3)
  const ahead = await readAhead(history)
  assert.notEqual(ahead.take(history.root), undefined)
  assert.equal(ahead.take(history.root), undefined)
  history.isContested = true
  assert.equal(history.taken(await readAhead(history)).there, 0)
})

test('a subtree that is small, or too large to be kept, is read as it is asked for', async () => {
  const history = new History(3)
  const ahead = new NodesAhead(history, () => Promise.resolve(history.times))
  for (const entries of [1999, 128 * 1024 + 1]) await ahead.read({ ref: history.root, entries })
  assert.deepEqual(history.opened, [])
})
