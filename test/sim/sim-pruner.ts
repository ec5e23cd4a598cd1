// A pruner, as small as one can be that follows the protocol: condemn packs in a plan, wait for the sessions that may not
// have read it or fence them, look again at what is needed, delete. The simulator lets it run beside backups.
import { assert } from '../../src/base/assert.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { hash } from '../../src/crypto/hash.ts'
import { decodeContentList } from '../../src/format/content-list.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import type { Content } from '../../src/format/entry-model.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import { decodeIndexSegment, encodeIndexSegment } from '../../src/format/index-segment.ts'
import type { DecodedIndexedPack } from '../../src/format/index-segment.ts'
import {
  indexName,
  packName,
  parseObjectName,
  planName,
  PREFIXES,
  sessionName,
  trashName,
} from '../../src/format/names.ts'
import { OBJECT_TYPES } from '../../src/format/object-header.ts'
import { readSignerId } from '../../src/format/signed-object.ts'
import { isLeaf } from '../../src/format/tree-node.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { moveToTrash } from '../../src/repo/trash.ts'
import { writerIdentity } from '../../src/repo/writer-identity.ts'
import type { WriterIdentity } from '../../src/repo/writer-identity.ts'
import { chance } from '../../src/store/faults.ts'
import { listAll } from '../../src/store/store.ts'
import type { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'

export interface PrunerOptions {
  /** Virtual time it waits for a session before it takes it for dead. */
  readonly patienceMs: number
  /** Probability that it is told to forget a snapshot, for each. */
  readonly forget: number
  /** A mistake: sessions are not waited for. */
  readonly hasty?: boolean
  /** A mistake: it does not look again at what is needed. */
  readonly stubborn?: boolean
}

interface Segment {
  readonly name: string
  readonly sessions: readonly Uint8Array[]
  readonly packs: readonly DecodedIndexedPack[]
}

/** Locators of what listed snapshots refer to; those that are not confirmed may refer to what is gone. */
interface Needed {
  readonly all: Set<string>
  readonly confirmed: Set<string>
}

/** Time between two looks at a session. */
const LOOK_MS = 50

export class SimPruner {
  readonly #world: BackupWorld
  readonly #opts: PrunerOptions
  readonly #repo: Repository
  readonly #writer: WriterIdentity

  private constructor(world: BackupWorld, opts: PrunerOptions, repo: Repository, writer: WriterIdentity) {
    this.#world = world
    this.#opts = opts
    this.#repo = repo
    this.#writer = writer
  }

  static async open(world: BackupWorld, opts: PrunerOptions): Promise<SimPruner> {
    const { clock, secureRandom: random } = world
    const repo = await world.openForReading(world.process('pruner').recorded)
    const writer = await writerIdentity(repo, { state: simState(), clock, random, host: 'pruner' })
    return new SimPruner(world, opts, repo, writer)
  }

  /** Gives the names of the packs that it has deleted. */
  async run(): Promise<ReadonlySet<string>> {
    const { store } = this.#repo
    await this.#forgetSome()
    const needed = await this.#needed()
    const doomed = unneeded(await this.#segments(), needed.all)
    const plan = await this.condemn(doomed)
    if (this.#opts.hasty !== true) await this.#waitForSessions()
    if (this.#opts.stubborn !== true) {
      const stillNeeded = await this.#needed()
      // The index after the snapshots: it names everything that they need.
      spare(doomed, await this.#segments(), stillNeeded)
    }
    for (const segment of await this.#segments()) await this.#rewrite(segment, doomed)
    for (const name of doomed) await store.delete(name)
    await store.delete(plan)
    return doomed
  }

  /** Puts a plan that condemns packs; gives its name. */
  async condemn(packs: Iterable<string>): Promise<string> {
    const { clock, secureRandom } = this.#world
    const parsed = [...packs].map((name) => parseObjectName(name))
    const hashesOf = (kind: string) =>
      parsed.flatMap((name) => (name?.kind === 'pack' && name.packKind === kind ? [fromHex(name.hash)!] : []))
    const pid = secureRandom(16)
    const created = timespecFromMs(clock.now())
    const bytes = encodeDeletionPlan(
      { pid, dataPacks: hashesOf('data'), metaPacks: hashesOf('meta'), created },
      { sealer: this.#repo.indexSealer, signer: this.#writer.signer },
    )
    await this.#repo.store.put(planName(pid), [bytes])
    return planName(pid)
  }

  async #forgetSome(): Promise<void> {
    const { rng, clock } = this.#world
    const chosen = (await this.#repo.catalog.list()).filter(() => chance(rng, this.#opts.forget))
    for (const { id } of chosen) this.#world.forgotten.add(id)
    await moveToTrash(this.#repo, chosen, { writer: this.#writer, clock, by: 'pruner' })
    for (const { wid, seq, id } of chosen) await this.#repo.store.delete(trashName(wid, seq, id))
  }

  async #needed(): Promise<Needed> {
    const needed = { all: new Set<string>(), confirmed: new Set<string>() }
    const repo = await this.#world.openForReading(this.#repo.store)
    const snapshots = await repo.snapshots()
    await repo.loadIndex()
    for (const snapshot of snapshots) {
      try {
        const found = new Set<string>()
        await mark(repo, snapshot.body.root, found, true)
        for (const loc of found) {
          needed.all.add(loc)
          if (snapshot.confirmed) needed.confirmed.add(loc)
        }
      } catch (error) {
        // The snapshot of a session that was fenced: nobody was told that it is safe.
        if (snapshot.confirmed || !(error instanceof BackupError)) throw error
      }
    }
    return needed
  }

  async #segments(): Promise<Segment[]> {
    const { store, writers, indexSealer: sealer } = this.#repo
    const segments: Segment[] = []
    for await (const { name } of listAll(store, PREFIXES.index)) {
      const bytes = await store.get(name)
      const publicKey = await writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, name), 'store', name)
      segments.push({ name, ...decodeIndexSegment(bytes, name, { sealer, publicKey }) })
    }
    return segments
  }

  /** Sessions that may have read the plans before ours was there. */
  async #waitForSessions(): Promise<void> {
    const { clock } = this.#world
    const deadline = clock.monotonic() + this.#opts.patienceMs
    const before = await this.#openSessions()
    for (;;) {
      const open = await this.#openSessions()
      const waiting = [...before].filter((sid) => open.has(sid))
      if (waiting.length === 0) return
      if (clock.monotonic() < deadline) await clock.sleep(LOOK_MS)
      else for (const sid of waiting) await this.#repo.store.delete(sessionName(sid))
    }
  }

  async #openSessions(): Promise<Set<string>> {
    const open = new Set<string>()
    const ended: string[] = []
    for await (const { name } of listAll(this.#repo.store, PREFIXES.sessions)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind === 'session') open.add(parsed.sid)
      if (parsed?.kind === 'session-end') ended.push(parsed.sid)
    }
    for (const sid of ended) open.delete(sid)
    return open
  }

  async #rewrite(segment: Segment, doomed: ReadonlySet<string>): Promise<void> {
    const { store, indexSealer: sealer } = this.#repo
    const packs = segment.packs.filter((pack) => !doomed.has(nameOf(pack)))
    if (packs.length === segment.packs.length) return
    if (packs.length > 0) {
      const bytes = encodeIndexSegment({ sessions: segment.sessions, packs }, { sealer, signer: this.#writer.signer })
      await store.put(indexName(hash(bytes)), [bytes])
    }
    await store.delete(segment.name)
  }
}

async function mark(repo: Repository, ref: Uint8Array, into: Set<string>, root = false): Promise<void> {
  const add = (blob: Uint8Array): boolean => {
    const loc = toHex(repo.blobKeys.locOf(blob))
    const isNew = !into.has(loc)
    into.add(loc)
    return isNew
  }
  if (!add(ref)) return
  const node = await repo.readNode(ref, root)
  if (!isLeaf(node)) {
    for (const child of node.children) await mark(repo, child.ref, into, root)
    return
  }
  for (const { subtree, content, xattrs = [] } of node.entries) {
    if (subtree !== undefined) await mark(repo, subtree.ref, into)
    if (content !== undefined) await markContent(repo, content, add)
    const long = xattrs.flatMap(({ value }) => (value instanceof Uint8Array ? [] : value.extents))
    for (const { ref: blob } of long) if (blob !== undefined) add(blob)
  }
}

async function markContent(repo: Repository, content: Content, add: (ref: Uint8Array) => boolean): Promise<void> {
  if (content.kind === 'inline') return
  if (content.kind === 'list') await markList(repo, content.ref, add)
  else for (const { ref } of content.extents) if (ref !== undefined) add(ref)
}

async function markList(repo: Repository, ref: Uint8Array, add: (ref: Uint8Array) => boolean): Promise<void> {
  add(ref)
  const node = decodeContentList(await repo.readBlob('list', ref), toHex(ref))
  if ('children' in node) for (const child of node.children) await markList(repo, child.ref, add)
  else for (const extent of node.extents) if (extent.ref !== undefined) add(extent.ref)
}

/** As many packs as can be spared, so that each blob that is needed is still in one. */
function unneeded(segments: readonly Segment[], needed: ReadonlySet<string>): Set<string> {
  const doomed = new Set<string>()
  const copies = copiesOf(segments, doomed)
  for (const pack of segments.flatMap(({ packs }) => packs)) {
    const blobs = locsOf(pack).filter((loc) => needed.has(loc))
    if (doomed.has(nameOf(pack)) || !blobs.every((loc) => copies.get(loc)! > 1)) continue
    doomed.add(nameOf(pack))
    for (const loc of blobs) copies.set(loc, copies.get(loc)! - 1)
  }
  return doomed
}

/** Takes from `doomed` what is needed after all. */
function spare(doomed: Set<string>, segments: readonly Segment[], { all: needed, confirmed }: Needed): void {
  const copies = copiesOf(segments, doomed)
  for (const pack of segments.flatMap(({ packs }) => packs)) {
    const name = nameOf(pack)
    if (!doomed.has(name) || !locsOf(pack).some((loc) => needed.has(loc) && !copies.has(loc))) continue
    doomed.delete(name)
    for (const loc of locsOf(pack)) copies.set(loc, (copies.get(loc) ?? 0) + 1)
  }
  const lost = [...confirmed].find((loc) => !copies.has(loc))
  assert(lost === undefined, `a snapshot needs blob ${lost}, which no index names`)
}

/** How many packs each blob is in, each pack once and those of `without` not at all. */
function copiesOf(segments: readonly Segment[], without: ReadonlySet<string>): Map<string, number> {
  const copies = new Map<string, number>()
  const seen = new Set(without)
  for (const pack of segments.flatMap(({ packs }) => packs)) {
    if (seen.has(nameOf(pack))) continue
    seen.add(nameOf(pack))
    for (const loc of locsOf(pack)) copies.set(loc, (copies.get(loc) ?? 0) + 1)
  }
  return copies
}

function locsOf({ blocks }: DecodedIndexedPack): string[] {
  return blocks.flatMap(({ locs, lengths }) =>
    Array.from(lengths, (_, i) => toHex(locs.subarray(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE))),
  )
}

function nameOf({ kind, hash: of }: DecodedIndexedPack): string {
  return packName(kind, of)
}
