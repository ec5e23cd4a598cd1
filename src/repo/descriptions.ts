// The descriptions of a repository as far as they can be read without any key: whoever can write to the store can add one
// that is well made, for another repository. Which one is the repository's own only an open key slot tells.
import { equalBytes } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { checkFeatures, decodeRepoDescription, DESCRIPTION_SIZE_MAX } from '../format/repo-description.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import { NAME_NUMBER_MAX, parseObjectName, PREFIXES } from '../format/names.ts'
import { refuseRemains } from './objects/free-place.ts'
import { listAll } from '../store/store.ts'
import type { ObjectInfo, Store } from '../store/store.ts'

export interface StoredDescription {
  /** `format/<n>`. */
  readonly name: string
  readonly description: RepoDescription
}

export interface FoundDescriptions {
  /** Highest number first. Each is signed by the root key that it names itself. */
  readonly found: readonly [StoredDescription, ...StoredDescription[]]
  /** One for each that is damaged. Their `subject` is the description. */
  readonly damaged: readonly BackupError[]
}

/** What a repository is known by. */
export type RepositoryIdentity = Pick<RepoDescription, 'repoId' | 'rootPublic'>

/** Descriptions that are read: later versions add a few; more are the work of somebody who wants to keep clients busy. */
export const DESCRIPTIONS_MAX = 64

/**
 * Throws `not-found` when there are none, `corrupt` when none is valid or they are gone, `unsupported` when the highest that is sound is too
 * new to be read, and what the store throws.
 */
export async function readDescriptions(store: Store): Promise<FoundDescriptions> {
  const listed = await listDescriptions(store)
  const found: StoredDescription[] = []
  const damaged: BackupError[] = []
  for (const { name, size } of listed.slice(0, DESCRIPTIONS_MAX)) {
    if (size > DESCRIPTION_SIZE_MAX) {
      damaged.push(new BackupError('corrupt', `repository description has ${size} bytes`, name))
      continue
    }
    try {
      found.push({ name, description: decodeRepoDescription(await store.get(name), name) })
    } catch (error) {
      if (error instanceof BackupError && error.code === 'corrupt') {
        damaged.push(error)
        continue
      }
      // It may be the repository's own, so those below must not take its place.
      if (found.length === 0) throw error
      break
    }
  }
  const [first, ...rest] = found
  if (first !== undefined) return { found: [first, ...rest], damaged }
  throw new BackupError('corrupt', 'reading the repository’s description', store.location, {
    cause: damaged[0],
    hint: '`holdfast repair` computes it from its parity, or takes it from another copy of the repository (--from)',
  })
}

/** A number that no description has, whoever has put it: the next one after all. */
export function nextDescriptionNumber({ found, damaged }: FoundDescriptions, location: string): number {
  const names = [...found.map(({ name }) => name), ...damaged.map(({ subject }) => subject)]
  const highest = Math.max(
    ...names.map((name) => {
      const parsed = parseObjectName(name)
      return parsed?.kind === 'description' ? parsed.number : 0
    }),
  )
  if (highest < NAME_NUMBER_MAX) return highest + 1
  throw new BackupError('limit', 'a description has the last number that there is', location, {
    hint: 'remove the one that is not of this repository from the folder `format`',
  })
}

export function isSameRepository(a: RepositoryIdentity, b: RepositoryIdentity): boolean {
  return equalBytes(a.repoId, b.repoId) && equalBytes(a.rootPublic, b.rootPublic)
}

/**
 * Throws `unsupported` when this version must not write to the repository, and `corrupt` when a newer description than its
 * own is damaged: nobody can tell then what that demands of whoever writes, and damage proves no other owner.
 */
export function checkWritable(
  {
    description,
    newerDamaged,
  }: { readonly description: RepoDescription; readonly newerDamaged: readonly BackupError[] },
  location: string,
): void {
  checkFeatures(description, 'write', location)
  const [damaged] = newerDamaged
  if (damaged === undefined) return
  const what =
    'a newer description of the repository is damaged, so it is not known whether this version may write to it'
  throw new BackupError('corrupt', what, damaged.subject, {
    cause: damaged,
    hint: 'copy the object back from another copy of the repository; remove it only if it never was part of this one',
  })
}

/** Highest number first. */
async function listDescriptions(store: Store): Promise<ObjectInfo[]> {
  const numbered: { readonly info: ObjectInfo; readonly number: number }[] = []
  for await (const info of listAll(store, PREFIXES.format)) {
    const parsed = parseObjectName(info.name)
    if (parsed?.kind === 'description') numbered.push({ info, number: parsed.number })
  }
  if (numbered.length === 0) {
    await refuseRemains(store)
    throw new BackupError('not-found', 'no Holdfast repository here', store.location, {
      hint: 'check the path, or make one with `holdfast init`',
    })
  }
  return numbered.toSorted((a, b) => b.number - a.number).map(({ info }) => info)
}
