// What a dry run can tell beforehand of what a user who is not root may not restore: owners, devices, attributes of the
// system. Anything else shows only when it is tried.
import { displayText } from '../../base/bytes.ts'
import type { Entry } from '../../format/entry-model.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE } from '../../posix/file-flags.ts'
import { S_ISGID, S_ISUID } from './attributes.ts'
import type { Attributes, Warn } from './attributes.ts'
import type { MetadataClasses } from './options.ts'

export interface Restorer {
  readonly uid: number
  /** The group that new files get, first, and all others. */
  readonly gids: readonly number[]
}

/** False when the item cannot be made at all: a device, which only root may make. A whiteout (0:0) everybody may. */
export function canBeMade({ kind, device }: Pick<Entry, 'kind' | 'device'>, { uid }: Restorer): boolean {
  if (uid === 0 || (kind !== 'char' && kind !== 'block')) return true
  return kind === 'char' && device?.major === 0 && device.minor === 0
}

/** Warns of each attribute that is sure not to be given; `found` is what is there, undefined for what would be new. */
export function foreseeAttributes(
  kind: Entry['kind'],
  wanted: Attributes,
  found: { readonly uid: number; readonly gid: number } | undefined,
  { uid, gids }: Restorer,
  classes: MetadataClasses,
  warn: Warn,
): void {
  if (uid === 0) return
  const owner = found ?? { uid, gid: gids[0] ?? 0 }
  const keepsUser = owner.uid === wanted.uid
  const keepsGroup = owner.gid === wanted.gid || gids.includes(wanted.gid)
  if (classes.owner && !(keepsUser && keepsGroup)) warn('owner', 'this user may not set owners')
  // Without the owner's class the owner stays what it is, and with another one these bits are not given.
  const isGroup = owner.gid === wanted.gid || (classes.owner && keepsGroup)
  const lost = (keepsUser ? 0 : S_ISUID) | (isGroup || kind === 'directory' ? 0 : S_ISGID)
  if (classes.mode && kind !== 'symlink' && (wanted.mode & lost) !== 0) {
    warn('mode', 'setuid and setgid bits are not given to another owner')
  }
  if (found !== undefined) return // it may have them already
  for (const { name } of wanted.xattrs) {
    if (classes.xattrs && /^(?:trusted|security)\./.test(displayText(name))) {
      warn('xattrs', 'this user may not set attributes of the system')
    }
  }
  if (classes.flags && (wanted.flags & (FLAG_APPEND | FLAG_IMMUTABLE)) !== 0) {
    warn('flags', 'this user may not lock files')
  }
}
