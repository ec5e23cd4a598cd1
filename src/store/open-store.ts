// From a location, as a person writes it, to the store there.
import { fileURLToPath } from 'node:url'
import { BackupError } from '../base/errors.ts'
import type { OnSkipped } from './fs-lister.ts'
import type { Store } from './store.ts'

export interface OpenStoreOptions {
  /** Makes the place if it is not there; see openFsStore. */
  readonly create: boolean
  /** Told about what is there and is not an object. */
  readonly onSkipped?: OnSkipped
}

/**
 * Opens the store at a path or a `file:` URL. Throws `unsupported` for another scheme, `usage` for a URL that names no
 * local folder, and what openFsStore throws.
 */
export async function openStore(location: string, opts: OpenStoreOptions): Promise<Store> {
  const path = localPath(location)
  const { openFsStore } = await import('./fs-store.ts') // only now: commands that need no store start without it
  return openFsStore(path, opts)
}

// Two characters at least: `c:` begins a path on Windows. A colon alone is part of a name (`back:up`).
const URL_SCHEME = /^([a-z][a-z0-9+.-]+):(?=\/|$)/i

/** The scheme of a location that is a URL, in lower case; undefined for a path. */
export function schemeOf(location: string): string | undefined {
  return URL_SCHEME.exec(location)?.[1]?.toLowerCase()
}

/** The path a location names. A path that looks like a URL is written `./s3:/…`. */
export function localPath(location: string): string {
  if (location === '') throw new BackupError('usage', 'the location of a repository is empty', '""')
  const scheme = schemeOf(location)
  if (scheme === undefined) return location
  if (scheme !== 'file') {
    throw new BackupError('unsupported', `no store for ${scheme}: locations`, withoutSecrets(location), {
      hint: 'this version keeps repositories in folders: give a path or file:///path (put ./ before a path that looks like a URL)',
    })
  }
  try {
    if (/^file:\//i.test(location)) return fileURLToPath(location)
  } catch {
    // A host, or an escaped slash.
  }
  throw new BackupError('usage', 'not the URL of a local folder', location, { hint: 'write file:///absolute/path' })
}

/** Without the user and password of a URL: what is shown ends up in logs. */
function withoutSecrets(location: string): string {
  return location.replace(/\/\/[^/]*@/, '//')
}
