// Device nodes, fifos and sockets.
import { cString, type PathLike } from './c-strings.ts'
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from './constants.ts'
import { lastError, notSupported } from './errors.ts'
import { libc } from './libc.ts'
import { type DeviceNumber, joinDevice } from './stat.ts'

export type SpecialKind = 'fifo' | 'socket' | 'char' | 'block'

/**
 * Makes a special file with the permission bits `mode` (less the umask). Devices need privileges (EPERM); fifos and
 * sockets do not. ENOSYS without native calls.
 */
export function mknodAt(dirFd: number, name: PathLike, kind: SpecialKind, mode: number, device?: DeviceNumber): void {
  const c = libc()
  if (c === null) throw notSupported('mknod', name)
  const number = device === undefined ? 0n : joinDevice(device.major, device.minor)
  if (c.mknodat(dirFd, cString(name, 'mknod'), TYPE_BITS[kind] | mode, number) !== 0) throw lastError('mknod', name)
}

const TYPE_BITS: Readonly<Record<SpecialKind, number>> = {
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  char: S_IFCHR,
  block: S_IFBLK,
}
