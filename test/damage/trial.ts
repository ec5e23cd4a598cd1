// One thing is wrong in a store: does everybody notice, name it, and keep to what was backed up?
import assert from 'node:assert/strict'
import { BackupError } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import type { Suite } from '../../src/crypto/seal.ts'
import { parseObjectName } from '../../src/format/names.ts'
import type { CheckResult } from '../../src/ops/check.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import { failures, readEverything, restoreAll, story } from './observation.ts'
import type { Found, Reading } from './observation.ts'
import { SmallRepository, storeOf } from './small-repository.ts'

/** What a damaged object may be called; anything else (a crash, `io`) says too little or blames the wrong one. */
const CODES: ReadonlySet<ErrorCode> = new Set(['corrupt', 'unsupported', 'wrong-key', 'not-found', 'limit'])

export class Laboratory {
  readonly made: SmallRepository
  readonly objects: ReadonlyMap<string, Uint8Array>
  /** What a sound store gives. */
  readonly whole: Reading
  readonly #roots: ReadonlyMap<string, Uint8Array>

  private constructor(
    made: SmallRepository,
    objects: ReadonlyMap<string, Uint8Array>,
    whole: Reading,
    roots: ReadonlyMap<string, Uint8Array>,
  ) {
    this.made = made
    this.objects = objects
    this.whole = whole
    this.#roots = roots
  }

  static async create(seed?: number, secret?: Uint8Array, suite?: Suite): Promise<Laboratory> {
    const made = await SmallRepository.create(seed, secret, suite)
    const repo = await made.open()
    const whole = await readEverything(repo)
    const roots = new Map((await repo.snapshots()).map(({ objectName, body }) => [objectName, body.root]))
    const found = [...whole.values()].map((each) => (each instanceof BackupError ? [each] : failures(each)))
    assert.deepEqual(found, [[], []], 'a sound repository is read whole')
    return new Laboratory(made, await made.objects(), whole, roots)
  }

  /** Names of objects of a kind, in order. */
  names(kind: string): string[] {
    return [...this.objects.keys()].filter((name) => parseObjectName(name)?.kind === kind)
  }

  /** A store in which some objects have other bytes, or with undefined are gone. */
  storeWith(changes: Readonly<Record<string, Uint8Array | undefined>>): Promise<MemoryStore> {
    const objects = new Map(this.objects)
    for (const [name, bytes] of Object.entries(changes)) {
      if (bytes === undefined) objects.delete(name)
      else objects.set(name, bytes)
    }
    return storeOf(objects)
  }

  /** Opens a damaged store; undefined if that fails as it should, naming one of `names`. */
  async openOrNamed(store: MemoryStore, names: readonly string[]): Promise<Repository | undefined> {
    try {
      return await this.made.open(store)
    } catch (error) {
      assertNamed(error, names)
      return undefined
    }
  }

  /**
   * Reads everything: what is not exactly as it was is an error that names one of `names`. With the result of a check,
   * every path that is lost is one that the check has told. Gives the number of paths and snapshots that are lost.
   */
  async readOrNamed(repo: Repository, names: readonly string[], check?: CheckResult): Promise<number> {
    let reading: Reading
    try {
      reading = await readEverything(repo)
    } catch (error) {
      assertNamed(error, names)
      return 1
    }
    let lost = 0
    for (const [snapshot, found] of reading) {
      const whole = this.whole.get(snapshot)
      assert.ok(whole !== undefined, 'damage makes no snapshots')
      if (found instanceof BackupError) {
        lost++
        assertNamed(found, names)
        continue
      }
      lost += assertSameOrNamed(snapshot, found, whole as ReadonlyMap<string, Found>, names, check)
    }
    return lost
  }

  /** Restores the newest snapshot: a file is right or not there, and a trouble names why. */
  async restoreOrNamed(repo: Repository, names: readonly string[]): Promise<void> {
    const [snapshot, root] = [...this.#roots].at(-1)!
    const expected = await this.wholeFiles(root)
    try {
      await repo.loadIndex()
      const { files, troubles } = await restoreAll(repo, root, expected.keys())
      for (const [path, { content }] of files) {
        if (content === expected.get(path)) continue
        assert.equal(content, undefined, `${path} of ${snapshot} has wrong content under its name`)
        assert.ok(troubles.length > 0, `${path} is missing and nothing says why`)
        const blames = names.some((name) => troubles.some((text) => text.includes(name)))
        const inIndex = names.some((name) => parseObjectName(name)?.kind === 'index')
        assert.ok(blames || inIndex, `${path} is missing and nobody names ${names.join()}: ${troubles.join('; ')}`)
      }
    } catch (error) {
      assertNamed(error, names)
    }
  }

  readonly #files = new Map<Uint8Array, Map<string, string>>()

  /** Content of the files below a root, hex by path. */
  async wholeFiles(root: Uint8Array): Promise<Map<string, string>> {
    let files = this.#files.get(root)
    if (files === undefined) {
      const repo = await this.made.open()
      await repo.loadIndex()
      const paths = [...this.whole.values()].flatMap((found) => (found instanceof Map ? [...found.keys()] : []))
      const restored = await restoreAll(repo, root, new Set(paths))
      assert.deepEqual(restored.troubles, [])
      files = new Map()
      for (const [path, { content }] of restored.files) if (content !== undefined) files.set(path, content)
      assert.ok(files.size > 10)
      this.#files.set(root, files)
    }
    return files
  }
}

function assertSameOrNamed(
  snapshot: string,
  found: ReadonlyMap<string, Found>,
  whole: ReadonlyMap<string, Found>,
  names: readonly string[],
  check: CheckResult | undefined,
): number {
  assert.deepEqual([...found.keys()], [...whole.keys()])
  let lost = 0
  for (const [path, what] of found) {
    if (what === whole.get(path)) continue
    assert.ok(what instanceof BackupError, `${path} of ${snapshot} is read wrong and nobody notices`)
    lost++
    assertNamed(what, names)
    if (check !== undefined) assertAffected(check, snapshot, path)
  }
  return lost
}

/** The check has said of some damage that it costs this path or something above it. */
function assertAffected({ damages }: CheckResult, snapshot: string, path: string): void {
  const id = snapshot.slice(snapshot.lastIndexOf('-') + 1)
  const told = damages.flatMap(({ affected }) =>
    affected.filter((each) => each.id === id).flatMap(({ paths }) => paths),
  )
  const above = (folder: string) => path === folder || path.startsWith(`${folder}/`)
  assert.ok(
    told.some((each) => above(Buffer.from(each).toString())),
    `${path} of snapshot ${id.slice(0, 8)} cannot be read and the check does not say so`,
  )
}

export function assertNamed(error: unknown, names: readonly string[]): void {
  const text = story(error)
  if (!(error instanceof BackupError)) throw error
  assert.ok(CODES.has(error.code), text)
  assert.ok(
    names.some((name) => text.includes(name)),
    `none of ${names.join()} is named: ${text}`,
  )
}
