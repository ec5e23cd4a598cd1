// The folder of a local repository: how it is recognised, made, and told from an empty mount point.
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { BackupError, codeOf, errnoOf, type ErrorCode } from '../base/errors.ts'
import { toHex } from '../base/bytes.ts'
import { secureRandom } from '../base/random.ts'
import { HARMLESS, TEMPORARY_FOLDER } from './object-names.ts'

/** A folder that holds this folder is a repository's; made first and never removed (docs/format.md, section 2). */
const MARKER_FOLDER = 'format'
export const FOLDER_MODE = 0o700
/** Left-over temporary files are older than this; no put takes a day. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000
const TEMPORARY_NAME = /^[0-9a-f]{16}-[0-9]+$/

interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

export class FsRoot {
  readonly path: string
  readonly #identity: Identity
  readonly #prefix: string

  constructor(path: string, identity: Identity) {
    this.path = path
    this.#prefix = path.endsWith('/') ? path : `${path}/`
    this.#identity = identity
  }

  /** `name` is empty or one that an object or a folder of objects may have: there is nothing in it to normalize. */
  pathOf(name: string): string {
    return name === '' ? this.path : this.#prefix + name
  }

  /**
   * Throws `unreachable` unless the folder is the one that was opened. Asked whenever something is said not to be there:
   * an unmounted disk leaves an empty folder behind, and "empty" would be taken for the truth.
   */
  async checkAlive(): Promise<void> {
    try {
      const now = await stat(this.path, { bigint: true })
      if (now.dev === this.#identity.dev && now.ino === this.#identity.ino) return
      // An automounted disk comes back with another device number.
      if (now.ino === this.#identity.ino && (await isFolder(this.pathOf(MARKER_FOLDER)))) return
    } catch (cause) {
      throw goneError(this.path, cause)
    }
    throw goneError(this.path, undefined)
  }

  /**
   * True when `cause` says that something is not there and that is so: the repository's folder is still there, and no
   * link on the way (folders may lie on another disk) leads nowhere. Throws `unreachable` otherwise.
   */
  async saysAbsent(cause: unknown, name: string): Promise<boolean> {
    if (!isAbsence(cause)) return false
    await this.checkAlive()
    for (let end = name.indexOf('/'); ; end = name.indexOf('/', end + 1)) {
      const path = this.pathOf(end < 0 ? name : name.slice(0, end))
      try {
        if ((await lstat(path)).isSymbolicLink()) await stat(path).catch((lost) => leadsNowhere(path, lost))
      } catch (absent) {
        if (isAbsence(absent)) return true
        throw absent
      }
      if (end < 0) return true
    }
  }

  /** The error for an operation on `name` that failed, with what to do about it. */
  async failure(what: string, name: string, cause: unknown): Promise<BackupError> {
    if (cause instanceof BackupError) return cause
    try {
      await this.saysAbsent(cause, name)
    } catch (gone) {
      if (gone instanceof BackupError) return gone
    }
    return fsError(what, this.pathOf(name), cause)
  }
}

/** Opens the folder of a repository, makes it if `create`. Throws `not-found`, `usage`, `refused`, `full`, `io`. */
export async function openRoot(location: string, create: boolean): Promise<FsRoot> {
  const path = resolve(location)
  try {
    if (create) await makeRoot(path)
    const info = await stat(path, { bigint: true })
    if (!info.isDirectory()) throw new BackupError('usage', 'not a folder', path)
    if (!(await isFolder(join(path, MARKER_FOLDER)))) throw notRepository(path)
    return new FsRoot(path, { dev: info.dev, ino: info.ino })
  } catch (cause) {
    if (cause instanceof BackupError) throw cause
    if (errnoOf(cause) === 'ENOENT') throw notRepository(path)
    if (errnoOf(cause) === 'ENOTDIR') throw new BackupError('usage', 'not a folder', path, { cause })
    throw fsError('opening repository folder', path, cause)
  }
}

/** Removes temporary files that a dead process left; best effort, and never a file younger than a day. */
export async function removeLeftOvers(root: FsRoot): Promise<void> {
  const folder = root.pathOf(TEMPORARY_FOLDER)
  try {
    const names = (await readdir(folder)).filter((name) => TEMPORARY_NAME.test(name))
    if (names.length === 0) return
    const now = await storeTime(folder)
    for (const name of names) {
      const path = join(folder, name)
      const info = await stat(path)
      if (info.isFile() && now - info.mtimeMs > LEFT_OVER_MS) await unlink(path)
    }
  } catch {
    // Another process may be doing the same, or the store is read-only: nothing depends on this.
  }
}

/** Makes what was done in a folder before this call survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (cause) {
    // Some network and FUSE file systems have no fsync for folders; their entries are as durable as they can be.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(cause) ?? '')) throw cause
  } finally {
    await handle.close()
  }
}

/** A system error of a local store as a BackupError with a hint. */
export function fsError(what: string, subject: string, cause: unknown): BackupError {
  const code = fsErrorCode(cause)
  const hint = HINTS[code]
  return new BackupError(code, what, subject, hint === undefined ? { cause } : { cause, hint })
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  full: 'make room at the destination; what was stored so far is kept and will be used by the next run',
  refused: 'check that the repository is not mounted read-only and that this user may write to its folder',
  unreachable: 'check that the disk or network share of the repository is connected and mounted',
}

function fsErrorCode(cause: unknown): ErrorCode {
  switch (errnoOf(cause)) {
    case 'ESTALE':
    case 'ENOTCONN':
    case 'ENODEV':
    case 'ENXIO':
    case 'EHOSTDOWN':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
    case 'ESHUTDOWN':
      return 'unreachable'
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
      // Where these mean that an object is absent or present they were dealt with before.
      return 'io'
    default:
      return codeOf(cause)
  }
}

async function makeRoot(path: string): Promise<void> {
  const first = await makeFolders(path)
  if (!(await isFolder(join(path, MARKER_FOLDER)))) {
    const foreign = (await readdir(path)).find((name) => !HARMLESS.has(name))
    if (foreign !== undefined) {
      throw new BackupError('exists', `folder is not empty, it holds ${JSON.stringify(foreign)}`, path, {
        hint: 'choose a new or an empty folder; if a repository is here, bring back its folder format/ from another copy',
      })
    }
    await makeFolders(join(path, MARKER_FOLDER))
  }
  await syncFolder(path)
  if (first === undefined) return
  // Every folder that mkdir made is an entry of the one above it.
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) {
    await syncFolder(dirname(folder))
  }
}

/** The uppermost folder that was made, if any. Node's own recursive mkdir says ENOENT where a read-only disk is why. */
async function makeFolders(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: FOLDER_MODE })
    return path
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return undefined
    if (errnoOf(cause) !== 'ENOENT' || dirname(path) === path) throw cause
  }
  const first = await makeFolders(dirname(path))
  await mkdir(path, { mode: FOLDER_MODE }).catch((cause) => {
    if (errnoOf(cause) !== 'EEXIST') throw cause
  })
  return first ?? path
}

/** Now by the clock of the file system, which may be another machine's. */
async function storeTime(folder: string): Promise<number> {
  const path = join(folder, `${toHex(secureRandom(8))}-0`)
  const handle = await open(path, 'wx', 0o600)
  try {
    return (await handle.stat()).mtimeMs
  } finally {
    await handle.close()
    await unlink(path)
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    if (isAbsence(cause)) return false
    throw cause
  }
}

function isAbsence(cause: unknown): boolean {
  return errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR'
}

function leadsNowhere(path: string, cause: unknown): never {
  throw new BackupError('unreachable', 'symbolic link in the repository leads nowhere', path, {
    cause,
    hint: 'mount the disk it leads to, or remove the link',
  })
}

function notRepository(path: string): BackupError {
  return new BackupError('not-found', 'no repository in this folder', path, {
    hint: 'check the path and that its disk is mounted; `holdfast init` makes a new repository',
  })
}

function goneError(path: string, cause: unknown): BackupError {
  return new BackupError('unreachable', 'the repository folder is no longer there', path, {
    ...(cause === undefined ? {} : { cause }),
    hint: HINTS.unreachable!,
  })
}
