// A check of a repository whose index lies in a file of this machine finds what one finds that has it in memory.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { CheckResult } from '../../src/ops/check.ts'
import { excludeGlob } from '../../src/source/glob-list.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const KIB = 1024
const EVERYTHING = { compare: [excludeGlob('*')], changes: { alwaysRead: true } }

interface CheckBy {
  readonly depth?: 'all' | 'structure'
  readonly tableBlobsMax?: number
}

class Scene {
  readonly folder: string
  readonly scratch: ScratchRepository
  readonly source: string

  private constructor(folder: string, scratch: ScratchRepository) {
    this.folder = folder
    this.scratch = scratch
    this.source = join(folder, 'source')
    mkdirSync(this.source)
  }

  /** With two snapshots, of which the first alone is in the file. */
  static async create(t: TestContext): Promise<Scene> {
    const folder = tempFolder(t, 'check-filed')
    const scene = new Scene(folder, await ScratchRepository.create(folder, { packSize: 256 * KIB }))
    await scene.add('a', 'b', 'c')
    await scene.check({ depth: 'structure', tableBlobsMax: 1 })
    await scene.add('d', 'e')
    return scene
  }

  async add(...names: readonly string[]): Promise<void> {
    for (const name of names) writeFileSync(join(this.source, name), randomBytes(100 * KIB))
    await backUp(this.scratch, [this.source])
  }

  get dataPacks(): string[] {
    const { location } = this.scratch
    const folders = readdirSync(join(location, 'data')).sort()
    return folders.flatMap((fan) => readdirSync(join(location, 'data', fan)).map((name) => `data/${fan}/${name}`))
  }

  path(object: string): string {
    const path = join(this.scratch.location, object)
    chmodSync(path, 0o600)
    return path
  }

  flip(object: string, at: number): void {
    const bytes = readFileSync(this.path(object))
    bytes[at]! ^= 1
    writeFileSync(this.path(object), bytes)
  }

  /** With `tableBlobsMax` by a file, which is made anew where it lacks more blobs. */
  async check({ depth = 'all', tableBlobsMax }: CheckBy = {}): Promise<CheckResult> {
    const repo = await this.scratch.open()
    const places = [{ folder: this.folder, kept: true }]
    if (tableBlobsMax !== undefined) repo.keepIndexIn({ places, tableBlobsMax, onProblem: assert.fail })
    const result = await checkRepository({ repo, depth, rng: seededRng(1), threads: 0 })
    if (tableBlobsMax !== undefined) assert.equal(this.indexFiles.length, 1, 'there is a file')
    repo.localIndex?.close()
    return result
  }

  get indexFiles(): string[] {
    return readdirSync(this.folder).filter((name) => /\.index-[0-9a-f]+$/.test(name))
  }

  /** By a file that was made before, and by one that has everything. */
  async assertSameByFile(): Promise<CheckResult> {
    const expected = await this.check()
    for (const tableBlobsMax of [1_000_000, 1]) {
      const { attestable: _, ...found } = await this.check({ tableBlobsMax })
      const { attestable: __, ...wanted } = expected
      assert.deepEqual(found, wanted)
    }
    return expected
  }
}

test('nothing is found where nothing is wrong', async (t) => {
  const scene = await Scene.create(t)
  assert.deepEqual((await scene.assertSameByFile()).damages, [])
})

const DAMAGE: Record<string, (scene: Scene, pack: string) => void> = {
  'a pack is gone': (scene, pack) => rmSync(scene.path(pack)),
  'a block is damaged': (scene, pack) => scene.flip(pack, 50_000),
  'the index is lost': (scene) => rmSync(join(scene.scratch.location, 'index'), { recursive: true }),
}

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`the same is found by a file when ${what}`, async (t) => {
    const scene = await Scene.create(t)
    for (const pack of scene.dataPacks.slice(0, 2))
      if (what !== 'the index is lost' || pack === scene.dataPacks[0]) damage(scene, pack)
    const { damages, counts } = await scene.assertSameByFile()
    assert.ok(damages.length > 0 || counts.packsUnindexed > 0)
  })
}

for (const later of [false, true]) {
  test(`a pack that was stored again and is distrusted is no loss, ${later ? 'if the file knows of it' : 'if the file is older'}`, async (t) => {
    const scene = await Scene.create(t)
    for (const pack of scene.dataPacks) scene.flip(pack, 50_000)
    await backUp(scene.scratch, [scene.source], { files: EVERYTHING })
    if (later) await scene.check({ depth: 'structure', tableBlobsMax: 1 })
    const { counts } = await scene.assertSameByFile()
    assert.ok(counts.packsSuperseded > 0)
  })
}

test('a damaged file ends a check and is no damage of the repository; the next check does without it', async (t) => {
  const scene = await Scene.create(t)
  const path = join(scene.folder, scene.indexFiles[0]!)
  const bytes = readFileSync(path)
  bytes[FIRST_BLOCKS_PAGE + 100]! ^= 1
  writeFileSync(path, bytes)
  await assert.rejects(scene.check({ tableBlobsMax: 1_000_000 }), { code: 'corrupt', subject: path })
  assert.deepEqual(scene.indexFiles, [])
  assert.deepEqual((await scene.check({ tableBlobsMax: 1 })).damages, [])
})

/** After the head of the file (index-file.ts). */
const FIRST_BLOCKS_PAGE = 4096
