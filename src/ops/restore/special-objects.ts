// Makes symlinks, fifos, sockets and device nodes.
import { assert } from '../../base/assert.ts'
import { errnoOf } from '../../base/errors.ts'
import type { Entry } from '../../format/entry-model.ts'
import { renameAt, symlinkAt } from '../../posix/names.ts'
import { mknodAt } from '../../posix/special-files.ts'
import { statAt } from '../../posix/stat.ts'
import { applyAttributes } from './attributes.ts'
import type { Attributes, Warn } from './attributes.ts'
import { removeQuietly } from './file-writer.ts'
import type { MetadataClasses } from './options.ts'
import { takingPlace } from './taking-place.ts'

export interface ObjectPlace {
  readonly dirFd: number
  readonly name: Uint8Array
  /** Name to make it under when something is there that it replaces. */
  readonly temporary: Uint8Array | undefined
}

/** Throws what the system says, and leaves nothing behind then. */
export function makeObject(
  { dirFd, name, temporary }: ObjectPlace,
  entry: Entry,
  wanted: Attributes,
  classes: MetadataClasses,
  warn: Warn,
): void {
  const at = temporary ?? name
  if (entry.kind === 'symlink') symlinkAt(entry.target!, dirFd, at)
  else {
    assert(entry.kind !== 'file' && entry.kind !== 'directory', 'files and directories are made elsewhere')
    mknodAt(dirFd, at, entry.kind, classes.mode ? wanted.mode & 0o700 : 0o666, entry.device)
  }
  try {
    const found = { ...statAt(dirFd, at), fresh: true }
    applyAttributes({ dirFd, name: at }, entry.kind, wanted, found, classes, warn)
    if (temporary !== undefined) takingPlace(dirFd, name, classes.flags, () => renameAt(dirFd, temporary, dirFd, name))
  } catch (cause) {
    removeQuietly(dirFd, at)
    throw cause
  }
}

/** Whether a failure says that the target, or whoever restores, cannot have such a thing at all. */
export function cannotHold(cause: unknown): boolean {
  return CANNOT_HOLD.has(errnoOf(cause) ?? '')
}

const CANNOT_HOLD: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'])
