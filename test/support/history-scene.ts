// Several machines that back up into one store, each with a memory of its own, and a store that lies to some of them.
import { fromHex } from '../../src/base/bytes.ts'
import type { Clock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { DEFAULT_PARAMS } from '../../src/chunker/params.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import type { ChainPlace, LogAction } from '../../src/format/log-record.ts'
import { parseObjectName, snapshotName } from '../../src/format/names.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import type { BackupResult } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import type { ListedRecord } from '../../src/repo/history/log.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { planRevocation } from '../../src/repo/history/revoke-writer.ts'
import type { RevokeSince } from '../../src/repo/history/revoke-writer.ts'
import { isRolledBack, lookAtHistory, rememberLook, rollbackError } from '../../src/repo/history/rollback.ts'
import type { HistoryLook } from '../../src/repo/history/rollback.ts'
import type { PackTrust } from '../../src/repo/index/pack-trust.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { ListPage, ObjectInfo, Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { ScriptedSource } from './scripted-source.ts'
import type { ScriptedFolder } from './scripted-source.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export class HistoryScene {
  now = Date.parse('2026-05-01T08:00:00Z')
  readonly clock: Clock = { now: () => this.now, monotonic: () => this.now, sleep: () => Promise.resolve() }
  readonly store = new MemoryStore({ location: 'memory:history', clock: this.clock })
  readonly credential = { kind: 'key-file' as const, secret: secureRandom(32) }

  static async create(): Promise<HistoryScene> {
    await initHashing()
    const scene = new HistoryScene()
    const { store, credential, clock } = scene
    await createRepository(store, { credential, clock, random: secureRandom, chunker: DEFAULT_PARAMS })
    return scene
  }

  machine(name: string): Machine {
    return new Machine(this, name)
  }

  /** Opens it as a new process does. */
  open(store: Store = this.store): Promise<Repository> {
    return openRepository(store, this.credential)
  }

  /** Names of all objects below a prefix. */
  async names(prefix: string): Promise<string[]> {
    const { objects } = await this.store.list(prefix)
    return objects.map(({ name }) => name)
  }

  /** Copies everything into a store of its own: an earlier state, to be shown later. */
  async copy(): Promise<MemoryStore> {
    const copy = new MemoryStore({ location: this.store.location, clock: this.clock })
    for (const name of await this.names('')) await copy.put(name, [await this.store.get(name)])
    return copy
  }
}

export class Machine {
  readonly name: string
  /** What its clock is wrong by. */
  clockError = 0
  state: LocalState = memoryState()
  readonly #scene: HistoryScene
  readonly #clock: Clock

  constructor(scene: HistoryScene, name: string) {
    this.#scene = scene
    this.name = name
    this.#clock = { now: () => scene.now + this.clockError, monotonic: () => scene.now, sleep: () => Promise.resolve() }
  }

  async backup(store?: Store): Promise<BackupResult['snapshot']> {
    return (await this.backUp({ [this.name]: Buffer.from('content') }, store)).snapshot
  }

  async backUp(tree: ScriptedFolder, store?: Store, trust?: PackTrust): Promise<BackupResult> {
    const source = new ScriptedSource(tree)
    return runBackup({
      repo: await this.#scene.open(store),
      source,
      state: this.state,
      clock: this.#clock,
      random: secureRandom,
      host: this.name,
      user: 'ada',
      tool: 'test',
      onEvent: () => {},
      makeExecutor: (setup) => inlineExecutor(setup, source),
      ...(trust !== undefined && { trust }),
    })
  }

  /** What a command does when it opens the repository: looks, and remembers or throws. */
  async look({ store, accept = false }: { store?: Store; accept?: boolean } = {}): Promise<HistoryLook> {
    const repo = await this.#scene.open(store)
    const look = await lookAtHistory(repo, this.state)
    if (isRolledBack(look) && !accept) throw rollbackError(repo, look)
    await rememberLook(repo, this.state, look, { nowMs: this.#clock.now(), accepted: isRolledBack(look) })
    return look
  }

  async record(action: LogAction, store?: Store): Promise<ListedRecord> {
    const repo = await this.#scene.open(store)
    const writer = await writerIdentity(repo, {
      state: this.state,
      clock: this.#clock,
      random: secureRandom,
      host: this.name,
    })
    return appendRecord(repo, action, { writer, clock: this.#clock, by: `ada@${this.name}` })
  }

  /** Says that what this writer signs from now on does not count. */
  async revoke(wid: string, since: RevokeSince = {}): Promise<ListedRecord> {
    const { action } = await planRevocation(await this.#scene.open(), wid, since, 'stolen')
    return this.record(action)
  }

  /** Takes snapshots out of the history as a command that forgets has to: first the record, then the objects (rule L1). */
  async forget(places: readonly ChainPlace[], reason = 'no longer wanted'): Promise<ListedRecord> {
    const record = await this.record({ kind: 'forget', snapshots: places, reason })
    for (const { wid, seq, hash } of places) await this.#scene.store.delete(snapshotName(wid, seq, hash))
    return record
  }
}

/** The place of a snapshot in its chain, from the name of its object. */
export function placeOf({ objectName }: { readonly objectName: string }): ChainPlace {
  const parsed = parseObjectName(objectName)
  if (parsed?.kind !== 'snapshot' && parsed?.kind !== 'log') throw new Error(`${objectName} has no place in a chain`)
  return { wid: fromHex(parsed.wid)!, seq: parsed.seq, hash: fromHex(parsed.hash)! }
}

/** Says that it does not have some objects. */
export class HidingStore extends Passing {
  readonly #hides: (name: string) => boolean

  constructor(inner: Store, hides: (name: string) => boolean) {
    super(inner)
    this.#hides = hides
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return super.get(this.#hides(name) ? `${name}-hidden` : name, range)
  }

  override async stat(name: string): Promise<ObjectInfo | null> {
    return this.#hides(name) ? null : super.stat(name)
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await super.list(prefix, cursor)
    return { ...page, objects: page.objects.filter(({ name }) => !this.#hides(name)) }
  }
}
