import type { FileAttributes } from './file-reader.ts'
import { listXattr, getXattr } from '../../posix/xattr.ts'
import type { XattrTarget } from '../../posix/xattr.ts'
import { getFlags } from '../../posix/file-flags.ts'
export function readFdAttributes(fd: number): FileAttributes {
  const flags = (getFlags(fd) ?? 0) & 0x0003_80ff & ~0x80000
  return { ...xattrsOf({ fd }), ...(flags && { flags }), failed: false }
}
export function readNameAttributes(dirFd: number, name: Uint8Array): FileAttributes {
  return { ...xattrsOf({ dirFd, name }), failed: false }
}
function xattrsOf(target: XattrTarget): Pick<FileAttributes, 'xattrs'> {
  const names = listXattr(target)
  if (names === null || names.length === 0) return {}
  return { xattrs: names.map((name) => ({ name, value: getXattr(target, name)! })) }
}
