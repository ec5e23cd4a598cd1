// Which user and group an entry gets here. As tar does: by name where somebody here has that name, else by number.
import type { Entry } from '../../format/entry-model.ts'
import { gidOf, uidOf } from '../../posix/users.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export type OwnerMap = (entry: Entry) => Owner

export function ownerMap(numeric: boolean): OwnerMap {
  if (numeric) return ({ uid, gid }) => ({ uid, gid })
  return ({ uid, gid, user, group }) => ({
    uid: (user === undefined ? undefined : uidOf(user)) ?? uid,
    gid: (group === undefined ? undefined : gidOf(group)) ?? gid,
  })
}
