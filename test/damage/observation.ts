// What every way of looking at a repository says about it: scrubbing, checking, reading, restoring.
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { parseObjectName } from '../../src/format/names.ts'
import { contentOf } from '../../src/ops/cat.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { CheckResult } from '../../src/ops/check.ts'
import { listTree } from '../../src/ops/ls.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { Store } from '../../src/store/store.ts'

/** Names of the damaged objects that a scrub finds. */
export async function scrubbed(store: Store): Promise<string[]> {
  const { damages, unreadable } = await scrubStore({ store })
  assert.deepEqual(unreadable, [])
  return damages.map(({ object }) => object).sort()
}

export function checked(repo: Repository, depth: 'structure' | 'all' = 'all'): Promise<CheckResult> {
  return checkRepository({ repo, depth, threads: 0, rng: seededRng(1) })
}

/** Names of the objects that a check finds damaged; blobs that are missing because of it have none. */
export function damagedObjects({ damages }: CheckResult): string[] {
  return damages.flatMap(({ object }) => (parseObjectName(object) === null ? [] : [object])).sort()
}

/** Text of an entry and all its bytes, or the error that reading it ends in. */
export type Found = string | BackupError

/** Of each snapshot by its object's name: everything by its path, or what keeps it from being read. */
export type Reading = ReadonlyMap<string, ReadonlyMap<string, Found> | BackupError>

/** Reads every snapshot to the last byte, as far as it goes. Only BackupErrors are kept, others are bugs. */
export async function readEverything(repo: Repository): Promise<Reading> {
  await repo.loadIndex()
  const reading = new Map<string, ReadonlyMap<string, Found> | BackupError>()
  for (const listed of await repo.catalog.list()) {
    const found = await expected(async () => {
      const opened = await repo.catalog.open(listed)
      assert.ok(opened !== undefined)
      return readTree(repo, opened.body.root)
    })
    reading.set(listed.objectName, found)
  }
  return reading
}

async function readTree(repo: Repository, root: Uint8Array): Promise<Map<string, Found>> {
  const entries = new Map<string, Entry>()
  const onEntry = (path: Uint8Array, entry: Entry) => entries.set(Buffer.from(path).toString(), structuredClone(entry))
  await listTree({ reader: repo, root, path: new Uint8Array(), recursive: true, onEntry })
  const found = new Map<string, Found>()
  for (const [path, entry] of entries) found.set(path, await expected(() => textOf(repo, entry, path)))
  return found
}

async function textOf(repo: Repository, entry: Entry, path: string): Promise<string> {
  const parts: Uint8Array[] = []
  if (entry.kind === 'file') for await (const part of contentOf(repo, entry, path)) parts.push(Buffer.from(part))
  for (const { value } of entry.xattrs ?? []) {
    if (value instanceof Uint8Array) continue
    for (const { ref } of value.extents) if (ref !== undefined) parts.push((await repo.readBlob('data', ref)).slice())
  }
  return `${inspect(entry, { depth: 9, maxArrayLength: null })} ${toHex(hash(Buffer.concat(parts)))}`
}

/** Paths of a snapshot that cannot be had, where only single files are concerned. */
export function failures(found: ReadonlyMap<string, Found>): [string, BackupError][] {
  return [...found].flatMap(([path, what]) =>
    what instanceof BackupError ? [[path, what] as [string, BackupError]] : [],
  )
}

async function expected<T>(step: () => Promise<T>): Promise<T | BackupError> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof BackupError) return error
    throw error
  }
}

/** Everything that an error says, down to its last cause. */
export function story(error: unknown): string {
  const parts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    parts.push(at instanceof BackupError ? `${at.code} ${at.subject} ${at.message}` : at.message)
  }
  return parts.join(' / ')
}

export interface RestoredFile {
  /** Undefined when there is nothing under the path. */
  readonly content: string | undefined
  readonly trouble: string | undefined
}

/** Restores a snapshot into a folder and gives what came of each of `paths`, by path; and all troubles. */
export async function restoreAll(
  repo: Repository,
  root: Uint8Array,
  paths: Iterable<string>,
): Promise<{ readonly files: Map<string, RestoredFile>; readonly troubles: readonly string[] }> {
  const target = mkdtempSync(join(tmpdir(), 'holdfast-damage-'))
  try {
    const { troubles } = await restore({ repo, root, target, threads: 0, metadata: { owner: false } })
    const files = new Map<string, RestoredFile>()
    for (const path of paths) {
      const trouble = troubles.find((each) => Buffer.from(each.path).toString() === path)?.message
      const place = join(target, path)
      const isFile = existsSync(place) && lstatSync(place).isFile()
      files.set(path, { content: isFile ? toHex(readFileSync(place)) : undefined, trouble })
    }
    return { files, troubles: troubles.map(({ code, message }) => `${code} ${message}`) }
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}
