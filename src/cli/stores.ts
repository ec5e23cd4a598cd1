// From what a person calls a repository to the store that keeps it.
import type { OnSkipped } from '../store/fs-lister.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { defaultRepository } from './config.ts'

export interface Location {
  readonly location: string
  /** Nobody named it: it is the one in the user's data folder. */
  readonly isDefault: boolean
}

/** The repository meant: --repo, HOLDFAST_REPO, the configuration, or the one in the user's data folder. */
export async function repositoryLocation(context: Context): Promise<Location> {
  const named = context.globals.repo ?? (context.env['HOLDFAST_REPO'] || undefined) ?? (await context.config()).repo
  return named === undefined
    ? { location: defaultRepository(context.env), isDefault: true }
    : { location: named, isDefault: false }
}

/** Opens the store there; see store/open-store.ts. What lies in it and is no object is told, and noted in `skipped`. */
export async function openStoreAt(
  context: Context,
  location: string,
  create: boolean,
  skipped: string[] = [],
): Promise<Store> {
  const { openStore } = await import('../store/open-store.ts')
  const onSkipped: OnSkipped = (name, why) => {
    skipped.push(name)
    context.reporter.warn(`${why}: ${name}`)
  }
  return openStore(location, { create, onSkipped })
}
