// From what a person calls a repository to the store that keeps it.
import { fileURLToPath } from 'node:url'
import { BackupError } from '../base/errors.ts'
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

/** Opens the store at a path or a `file:` URL. Throws `unsupported` for other URLs and what opening says. */
export async function openStore(context: Context, location: string, create: boolean): Promise<Store> {
  const path = pathOf(location)
  const { openFsStore } = await import('../store/fs-store.ts')
  return openFsStore(path, {
    create,
    onSkipped: (name, why) => context.reporter.warn(`${why}: ${name}`),
  })
}

function pathOf(location: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//.exec(location)?.[1]
  if (scheme === undefined) return location
  if (scheme === 'file') return fileURLToPath(location)
  throw new BackupError('unsupported', `this version keeps repositories in folders, not in ${scheme}`, location, {
    hint: 'name a folder, on any mounted disk or share',
  })
}
