// A repository of a few hundred kilobytes with one object of every kind and files of every kind of content, made by real
// backups. The same seed makes the same objects, except for what is encapsulated to key pairs, whose lengths are the same.
import type { Clock } from '../../src/base/clock.ts'
import { seededRng } from '../../src/base/random.ts'
import type { SecureRandom } from '../../src/base/random.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import type { Suite } from '../../src/crypto/seal.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import type { BackupResult } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import type { PackTrust } from '../../src/repo/index/pack-trust.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { copyOfState, simState } from '../sim/local-state.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import type { ScriptedFolder } from '../support/scripted-source.ts'

/** A list of extents from 64 chunks on: 130 KiB. */
const CHUNKER = { min: 1024, average: 2048, max: 8192 }
const PACK_SIZE = 64 * 1024
const KIB = 1024
/** Of the only key slot. */
export const LABEL = 'the only one'

export class SmallRepository {
  readonly credential: { readonly kind: 'key-file'; readonly secret: Uint8Array }
  readonly random: SecureRandom
  readonly clock: Clock
  /** The machine that wrote it. */
  readonly state: LocalState = simState()
  readonly store = new MemoryStore()

  private constructor(seed: number, secret?: Uint8Array) {
    this.random = seededBytes(seed)
    this.clock = steppingClock()
    const own = this.random(32)
    this.credential = { kind: 'key-file', secret: secret ?? own }
  }

  /** With two snapshots of one machine; `secret` of the key file that opens it, its own unless given. */
  static async create(seed = 1, secret?: Uint8Array, suite?: Suite): Promise<SmallRepository> {
    const made = await SmallRepository.empty(seed, secret, suite)
    const first = firstTree(seededBytes(seed + 1000))
    await made.backup(first)
    await made.backup(secondTree(first, seededBytes(seed + 2000)))
    return made
  }

  static async empty(seed = 1, secret?: Uint8Array, suite: Suite = 1): Promise<SmallRepository> {
    await initHashing()
    const made = new SmallRepository(seed, secret)
    const { store, credential, clock, random } = made
    await createRepository(store, {
      credential,
      clock,
      random,
      chunker: CHUNKER,
      packSize: PACK_SIZE,
      label: LABEL,
      suite,
    })
    return made
  }

  async backup(
    tree: ScriptedFolder,
    store: Store = this.store,
    state: LocalState = this.state,
    trust: PackTrust = 'all',
  ): Promise<BackupResult> {
    const source = new ScriptedSource(tree)
    return runBackup({
      trust,
      repo: await this.open(store),
      source,
      state,
      clock: this.clock,
      random: this.random,
      host: 'host',
      user: 'somebody',
      tool: 'test',
      onEvent: ignoreEvents,
      makeExecutor: (setup) => inlineExecutor(setup, source),
    })
  }

  /** Opens it as another process does; the index is not loaded. */
  open(store: Store = this.store): Promise<Repository> {
    return openRepository(store, this.credential)
  }

  /** What the machine that wrote it keeps, to back up into other stores without changing it. */
  copyOfState(): LocalState {
    return copyOfState(this.state)
  }

  async objects(): Promise<Map<string, Uint8Array>> {
    const objects = new Map<string, Uint8Array>()
    for await (const { name } of listAll(this.store, '')) objects.set(name, await this.store.get(name))
    return objects
  }
}

/** A store with these objects. */
export async function storeOf(objects: ReadonlyMap<string, Uint8Array>): Promise<MemoryStore> {
  const store = new MemoryStore()
  for (const [name, bytes] of objects) await store.put(name, [bytes])
  return store
}

export function seededBytes(seed: number): SecureRandom {
  const rng = seededRng(seed)
  return (length) => Uint8Array.from({ length }, () => Math.floor(rng() * 256))
}

export function firstTree(noise: SecureRandom): ScriptedFolder {
  return {
    'all alike': new Uint8Array(40 * KIB).fill(0x61),
    'in a list': noise(180 * KIB),
    'in pieces': noise(30 * KIB),
    tiny: noise(100),
    empty: new Uint8Array(0),
    link: 'tiny',
    folder: {
      'with attributes': { content: noise(600), xattrs: [{ name: Buffer.from('user.large'), value: noise(3000) }] },
      deeper: Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`bundled ${i}`, noise(520 + i)])),
      'small and alike': Buffer.from('text that repeats '.repeat(200)),
    },
  }
}

function secondTree(first: ScriptedFolder, noise: SecureRandom): ScriptedFolder {
  const list = Buffer.from(first['in a list'] as Uint8Array)
  list.set(noise(20 * KIB), 90 * KIB)
  return {
    ...first,
    'in a list': list,
    new: noise(2000),
    folder: { ...(first['folder'] as ScriptedFolder), note: noise(9) },
  }
}

/** Each look at it is a second after the one before: times of snapshots and sessions differ and repeat. */
function steppingClock(): Clock {
  let ms = 1_700_000_000_000
  return { now: () => (ms += 1000), monotonic: () => ms, sleep: () => Promise.resolve() }
}
