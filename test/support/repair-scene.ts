// A real repository in a real folder, with parity, to be damaged and repaired.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import type { RepairOptions, RepairResult } from '../../src/ops/repair/repair.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { backUp } from './scratch-backup.ts'
import { ScratchRepository } from './scratch-repository.ts'
import type { SnapshotContent } from './scratch-repository.ts'
import { tempFolder } from './temp-folder.ts'

const PACK_SIZE = 256 * 1024

export interface Scene {
  readonly scratch: ScratchRepository
  readonly source: string
  readonly state: ReturnType<typeof memoryState>
  /** Every object, before anything was damaged. */
  readonly objects: ReadonlyMap<string, Uint8Array>
  readonly content: readonly SnapshotContent[]
  repair(opts?: Partial<RepairOptions>, store?: Store): Promise<RepairResult>
  /** Damage that a check of everything finds. */
  damages(): Promise<string[]>
  pathOf(name: string): string
  put(name: string, bytes: Uint8Array): void
}

export async function scene(t: TestContext, parity = { data: 0.05, meta: 0.2 }): Promise<Scene> {
  const folder = tempFolder(t, 'repair')
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  const rng = seededRng(5)
  const noise = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(rng() * 256))
  for (let i = 0; i < 4; i++) writeFileSync(join(source, `large-${i}`), noise(200_000))
  for (let i = 0; i < 30; i++) writeFileSync(join(source, 'sub', `small-${i}`), noise(1500))
  const scratch = await ScratchRepository.create(folder, { packSize: PACK_SIZE, parity })
  const state = memoryState()
  await backUp(scratch, [source], { state })
  writeFileSync(join(source, 'new'), noise(3000))
  await backUp(scratch, [source], { state })
  const store = await scratch.store()
  const pathOf = (name: string) => join(scratch.location, name)
  const put = (name: string, bytes: Uint8Array) => {
    mkdirSync(dirname(pathOf(name)), { recursive: true })
    rmSync(pathOf(name), { force: true })
    writeFileSync(pathOf(name), bytes)
  }
  const run: Scene['repair'] = async (opts = {}, through) =>
    repair(await scratch.open(through), {
      state,
      clock: systemClock,
      random: secureRandom,
      host: 'test',
      tool: 'test',
      by: 'test@test',
      ...opts,
    })
  return {
    scratch,
    source,
    state,
    objects: await objectsOf(store),
    content: await scratch.readAll(),
    repair: run,
    damages: async () => {
      const repo = await scratch.open()
      const { damages } = await checkRepository({ repo, depth: 'all', rng: seededRng(1), threads: 0 })
      return damages.map(({ object }) => object)
    },
    pathOf,
    put,
  }
}

export async function objectsOf(store: Store): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>()
  for await (const { name } of listAll(store, '')) objects.set(name, await store.get(name))
  return objects
}

export function names(s: Scene, kind: string): string[] {
  return [...s.objects.keys()].filter((name) => parseObjectName(name)?.kind === kind)
}

/** A data pack that is too large for a copy of it in its parity. */
export function largePack(s: Scene): string {
  const isLarge = (name: string) => name.startsWith(PREFIXES.data) && s.objects.get(name)!.length > 200_000
  return names(s, 'pack').find(isLarge)!
}

export const kinds = ({ steps }: RepairResult) => steps.map(({ kind }) => kind)
