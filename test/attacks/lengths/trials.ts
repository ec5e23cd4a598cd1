// Runs of the real code that a store operator watches, in pairs: one with a file that he knows, one with another in its
// place. Everything random comes from the number of the trial, so that a result repeats.
import type { Clock } from '../../../src/base/clock.ts'
import { seededRng, type Rng } from '../../../src/base/random.ts'
import { DEFAULT_PARAMS } from '../../../src/chunker/params.ts'
import { initHashing } from '../../../src/crypto/hash.ts'
import { runBackup, type BackupResult } from '../../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../../src/ops/backup/executor.ts'
import { catFile } from '../../../src/ops/cat.ts'
import { ignoreEvents } from '../../../src/ops/events.ts'
import { createRepository } from '../../../src/repo/create-repository.ts'
import { openRepository } from '../../../src/repo/open-repository.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { OperationLog, RecordingStore } from '../../../src/store/recording-store.ts'
import { listAll, type Store } from '../../../src/store/store.ts'
import { copyOfState, simState } from '../../sim/local-state.ts'
import { ScriptedSource } from '../../support/scripted-source.ts'
import type { Example } from './classifier.ts'
import { byteStream, makeContent, type ContentKind } from './contents.ts'
import { numbersOf } from './store-view.ts'

export interface KnownFile {
  readonly kind: ContentKind
  readonly size: number
}

/**
 * What is done, and what is watched:
 * `busy`: a backup that also stores other files, of half to twice as many bytes;
 * `alone`: a backup that stores nothing else;
 * `split`: as `alone`, but what takes the place of the file has its size exactly, in many small files;
 * `restore`: the file is read, out of a repository as `busy` makes it;
 * `again`: everything is backed up by a second machine, and only the known file is stored already.
 */
export type Scene = 'busy' | 'alone' | 'split' | 'restore' | 'again'

const CREDENTIAL = { kind: 'key-file' as const, secret: byteStream(1)(32) }
const CLOCK: Clock = { now: () => 1_700_000_000_000, monotonic: () => 0, sleep: () => Promise.resolve() }
/** Another file than the known one has between these shares of its size. */
const OTHER_SIZE = { min: 0.8, max: 1.25 }

export class Watched {
  readonly #known: Uint8Array
  readonly #file: KnownFile
  readonly #base: ReadonlyMap<string, Uint8Array>

  private constructor(file: KnownFile, known: Uint8Array, base: ReadonlyMap<string, Uint8Array>) {
    this.#file = file
    this.#known = known
    this.#base = base
  }

  /** A repository without snapshots, whose keys are those of all trials: whoever watches may learn on the very same. */
  static async create(file: KnownFile): Promise<Watched> {
    await initHashing()
    const store = new MemoryStore({ clock: CLOCK })
    const random = byteStream(2)
    await createRepository(store, { credential: CREDENTIAL, clock: CLOCK, random, chunker: DEFAULT_PARAMS })
    const base = new Map<string, Uint8Array>()
    for await (const { name } of listAll(store, '')) base.set(name, await store.get(name))
    return new Watched(file, makeContent(file.kind, file.size, byteStream(3)), base)
  }

  /** So many runs, every second one with the known file, as numbers. */
  async examples(scene: Scene, count: number): Promise<Example[]> {
    const examples: Example[] = []
    for (let i = 0; i < count; i++) {
      const known = i % 2 === 0
      examples.push({ known, values: await this.#run(scene, known, i) })
    }
    return examples
  }

  async #run(scene: Scene, known: boolean, trial: number): Promise<number[]> {
    const rng = seededRng(1000 + trial)
    const stream = byteStream(1000 + trial)
    const store = new MemoryStore({ clock: CLOCK })
    for (const [name, bytes] of this.#base) await store.put(name, [bytes])
    const files = scene === 'alone' || scene === 'split' ? {} : this.#others(rng, stream)
    if (scene === 'again') {
      await backUp(store, { [nameFrom(rng)]: known ? this.#known : this.#other(rng, stream) }, stream)
      files[nameFrom(rng)] = this.#known
      return watch(store, (through) => backUp(through, files, stream))
    }
    const name = known ? 'known' : nameFrom(rng)
    if (scene === 'split' && !known) this.#pieces(files, rng, stream)
    else files[name] = known ? this.#known : this.#other(rng, stream)
    if (scene !== 'restore') return watch(store, (through) => backUp(through, files, stream))
    const { body } = await backUp(store, files, stream)
    return watch(store, async (through) => {
      const repo = await openRepository(through, CREDENTIAL)
      await repo.loadIndex()
      let read = 0
      for await (const part of catFile(repo, body.root, Buffer.from(`/source/${name}`))) read += part.length
      if (read !== files[name]!.length) throw new Error('not the whole file was read')
    })
  }

  /** Files of the same kind of content and of all sizes up to that of the known one. */
  #others(rng: Rng, stream: ReturnType<typeof byteStream>): Record<string, Uint8Array> {
    const files: Record<string, Uint8Array> = {}
    const { kind, size } = this.#file
    for (let left = size * (0.5 + 1.5 * rng()); left > 0;) {
      const length = Math.ceil(Math.min(left, 512 * (size / 512) ** rng()))
      files[nameFrom(rng)] = makeContent(kind, length, stream)
      left -= length
    }
    return files
  }

  #other(rng: Rng, stream: ReturnType<typeof byteStream>): Uint8Array {
    const { kind, size } = this.#file
    const length = Math.round(size * OTHER_SIZE.min * (OTHER_SIZE.max / OTHER_SIZE.min) ** rng())
    return makeContent(kind, length, stream)
  }

  #pieces(files: Record<string, Uint8Array>, rng: Rng, stream: ReturnType<typeof byteStream>): void {
    const { kind, size } = this.#file
    for (let left = size; left > 0;) {
      const length = Math.min(left, Math.ceil(size / 40 + (size / 20) * rng()))
      files[nameFrom(rng)] = makeContent(kind, length, stream)
      left -= length
    }
  }
}

async function watch(store: Store, run: (through: Store) => Promise<unknown>): Promise<number[]> {
  const log = new OperationLog()
  await run(new RecordingStore(store, { log, actor: 'client' }))
  return numbersOf(log.operations)
}

const MACHINE = simState()

async function backUp(
  store: Store,
  files: Record<string, Uint8Array>,
  random: ReturnType<typeof byteStream>,
): Promise<BackupResult> {
  const source = new ScriptedSource(files)
  return runBackup({
    repo: await openRepository(store, CREDENTIAL),
    source,
    state: copyOfState(MACHINE),
    clock: CLOCK,
    random,
    host: 'host',
    user: 'somebody',
    tool: 'test',
    onEvent: ignoreEvents,
    makeExecutor: (setup) => inlineExecutor(setup, source),
  })
}

/** Of 4 to 20 letters. */
function nameFrom(rng: Rng): string {
  return Array.from({ length: 4 + Math.floor(17 * rng()) }, () => 'abcdefghijklmnop'[Math.floor(16 * rng())]).join('')
}
