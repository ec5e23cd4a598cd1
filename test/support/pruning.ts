// A repository in a folder with a history, and prunes of it by real machines: what each test of pruning begins with.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import type { PruneOptions, PruneReport } from '../../src/ops/prune/prune.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { moveToTrash, purgeTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { listAll } from '../../src/store/store.ts'
import { backUp } from './scratch-backup.ts'
import { fileWith, ScratchRepository } from './scratch-repository.ts'
import type { SnapshotContent } from './scratch-repository.ts'
import { tempFolder } from './temp-folder.ts'

const KIB = 1024
/** Small packs, so that a few files fill some. */
const PACK_SIZE = 256 * KIB

export class PruningScene {
  readonly folder: string
  readonly scratch: ScratchRepository
  readonly source: string
  /** The machine that backs up and prunes. */
  readonly state = memoryState()
  /** What each snapshot has to hold, oldest first. */
  readonly contents: SnapshotContent[] = []
  readonly #files = new Map<string, Uint8Array>()

  private constructor(folder: string, scratch: ScratchRepository) {
    this.folder = folder
    this.scratch = scratch
    this.source = join(folder, 'source')
    mkdirSync(this.source)
  }

  /** With one snapshot for each list of files; a file that a list does not have is removed. Each has 100 KiB of its own. */
  static async create(t: TestContext, ...states: readonly (readonly string[])[]): Promise<PruningScene> {
    const folder = tempFolder(t, 'prune')
    const scene = new PruningScene(
      folder,
      await ScratchRepository.create(folder, { packSize: PACK_SIZE, parity: { data: 0.02, meta: 0.1 } }),
    )
    for (const names of states) await scene.change(names)
    return scene
  }

  /** One more snapshot, of these files. */
  async change(names: readonly string[]): Promise<void> {
    const files = this.#files
    for (const name of files.keys()) {
      if (names.includes(name)) continue
      files.delete(name)
      rmSync(join(this.source, name))
    }
    for (const name of names) {
      if (files.has(name)) continue
      files.set(name, secureRandom(100 * KIB))
      writeFileSync(join(this.source, name), files.get(name)!)
    }
    await this.backUp()
    this.contents.push(
      Object.fromEntries([
        [this.source, 'directory'],
        ...[...files].map(([name, bytes]) => [join(this.source, name), fileWith(bytes)]),
      ]) as SnapshotContent,
    )
  }

  backUp(): ReturnType<typeof backUp> {
    return backUp(this.scratch, [this.source], { state: this.state })
  }

  /** Forgets snapshots by their numbers, oldest first, from 0; `purge` empties the trash at once. */
  async forget(numbers: readonly number[], { purge = true } = {}): Promise<void> {
    const repo = await this.scratch.open()
    const all = await repo.snapshots()
    const signing = {
      writer: await writerIdentity(repo, { state: this.state, clock: systemClock, random: secureRandom, host: 'test' }),
      clock: systemClock,
      random: secureRandom,
      by: 'test',
    }
    await moveToTrash(
      repo,
      numbers.map((number) => all[number]!),
      signing,
    )
    if (purge) await purgeTrash(repo, { ...signing, days: -1 })
  }

  async prune(
    opts: Partial<PruneOptions> & { readonly repo?: Repository; readonly state?: LocalState } = {},
  ): Promise<PruneReport> {
    const { repo = await this.scratch.open(), ...rest } = opts
    return prune(repo, {
      state: this.state,
      clock: systemClock,
      random: secureRandom,
      host: 'test',
      by: 'test',
      tool: 'test',
      threads: 0,
      onEvent: ignoreEvents,
      maxRemoved: 1,
      ...rest,
    })
  }

  async names(prefix = ''): Promise<string[]> {
    const names: string[] = []
    for await (const { name } of listAll(await this.scratch.store(), prefix)) names.push(name)
    return names
  }

  async packs(): Promise<string[]> {
    return [...(await this.names('data/')), ...(await this.names('meta/'))]
  }
}

/** The snapshots hold what those of these numbers have to, a full check finds nothing, and parity is there for each pack. */
export async function assertSound(scene: PruningScene, ...numbers: readonly number[]): Promise<void> {
  const { scratch, contents } = scene
  assert.deepEqual(
    await scratch.readAll(),
    numbers.map((number) => contents[number]),
  )
  const checked = await checkRepository({ repo: await scratch.open(), depth: 'all', rng: seededRng(1), threads: 0 })
  assert.deepEqual(checked.damages, [])
  assert.equal(checked.counts.packsUnindexed, 0)
  const parity = [...(await scene.names('parity/data/')), ...(await scene.names('parity/meta/'))]
  assert.deepEqual(
    parity.map((name) => name.slice('parity/'.length)),
    await scene.packs(),
    'parity comes and goes with the packs',
  )
}
