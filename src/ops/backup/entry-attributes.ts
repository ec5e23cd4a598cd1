import type { FileAttributes } from './file-reader.ts'
import { listXattr, getXattr } from '../../posix/xattr.ts'
import { getFlags } from '../../posix/file-flags.ts'
export function readFdAttributes(fd: number): FileAttributes {
  const names = listXattr({ fd })
  const flags = (getFlags(fd) ?? 0) & 0x0003_80ff & ~0x80000
  const xattrs =
    names === null || names.length === 0 ? undefined : names.map((name) => ({ name, value: getXattr({ fd }, name)! }))
  return { ...(xattrs && { xattrs }), ...(flags && { flags }), failed: false }
}
