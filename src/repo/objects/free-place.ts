// Whether a place may become a new repository: only where nothing else is. What is left of one that has lost its
// description looks empty to whoever asks for descriptions alone, and a second one in its midst would hide the loss.
import { BackupError } from '../../base/errors.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'

/** Tells of something in the place that is no object, once everything has been listed. */
export type ForeignName = () => string | undefined

/** True when a new repository may be made here, false when there is one. Throws what `refuseUnlessFree` throws otherwise. */
export async function isFreePlace(store: Store, foreign: ForeignName = () => undefined): Promise<boolean> {
  for await (const { name } of listAll(store, PREFIXES.format)) {
    if (parseObjectName(name)?.kind === 'description') return false
  }
  await refuseRemains(store)
  for await (const { name } of listAll(store, '')) if (parseObjectName(name) === null) throw notEmpty(store, name)
  const name = foreign()
  if (name !== undefined) throw notEmpty(store, name)
  return true
}

/**
 * Throws `exists` when there is a repository or something of somebody else's, `corrupt` for what is left of a repository,
 * and what the store throws.
 */
export async function refuseUnlessFree(store: Store, foreign?: ForeignName): Promise<void> {
  if (await isFreePlace(store, foreign)) return
  throw new BackupError('exists', 'there is a repository already', store.location, {
    hint: 'use it as it is, or choose another place',
  })
}

/**
 * Where there is no description: throws `corrupt` when there is anything else of a repository. Key slots alone do not count:
 * a creation that was cut off before its end leaves one.
 */
export async function refuseRemains(store: Store): Promise<void> {
  for await (const { name } of listAll(store, '')) {
    const kind = parseObjectName(name)?.kind
    if (kind === undefined || kind === 'key-slot') continue
    const what = `the description of this repository (format/) is missing, and ${name} is there`
    throw new BackupError('corrupt', what, store.location, {
      hint: '`holdfast repair` computes it from its parity, or takes it from another copy of the repository (--from); nothing can be read without it',
    })
  }
}

function notEmpty(store: Store, found: string): BackupError {
  return new BackupError('exists', `this place is not empty, it holds ${JSON.stringify(found)}`, store.location, {
    hint: 'choose a new or an empty place for the repository',
  })
}
