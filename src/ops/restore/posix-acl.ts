// What has to be known of POSIX ACLs, which are extended attributes:
//
//   offset  size  field
//   0       4     version, 2
//   4       8 n   entries: tag u16, permissions u16, id u32
//
// While a file has an access ACL, the group bits of its mode are the ACL's mask and not what its group may do.
import { displayText } from '../../base/bytes.ts'

export const ACCESS_ACL = 'system.posix_acl_access'
export const DEFAULT_ACL = 'system.posix_acl_default'

const ACL_NAMES: ReadonlySet<string> = new Set([ACCESS_ACL, DEFAULT_ACL, 'system.nfs4_acl', 'system.richacl'])

/** Whether an extended attribute is an access control list. */
export function isAcl(name: Uint8Array): boolean {
  // The first byte tells nearly all others apart: s, as in system.
  return name[0] === 0x73 && ACL_NAMES.has(displayText(name))
}

export function isAccessAcl(name: Uint8Array): boolean {
  return name[0] === 0x73 && displayText(name) === ACCESS_ACL
}

const VERSION = 2
const HEAD_SIZE = 4
const ENTRY_SIZE = 8
const TAG_GROUP_OBJ = 0x04
const TAG_MASK = 0x10

/**
 * The mode that a file with this access ACL must get where the ACL cannot be set: its group gets what the ACL gave it,
 * not the mask, which is the union of what anybody named in the ACL had.
 */
export function modeWithoutAcl(mode: number, acl: Uint8Array): number {
  let group: number | undefined
  let mask = 0o7
  const view = new DataView(acl.buffer, acl.byteOffset, acl.length)
  if (acl.length >= HEAD_SIZE && view.getUint32(0, true) === VERSION) {
    for (let at = HEAD_SIZE; at + ENTRY_SIZE <= acl.length; at += ENTRY_SIZE) {
      const tag = view.getUint16(at, true)
      if (tag === TAG_GROUP_OBJ) group = view.getUint16(at + 2, true) & 0o7
      else if (tag === TAG_MASK) mask = view.getUint16(at + 2, true) & 0o7
    }
  }
  // An ACL of another form gives the group nothing: the operator is told that the ACL is missing.
  return (mode & ~0o070) | (((group ?? 0) & mask) << 3)
}
