// Numbers of the kernel's interface. Those that differ between processors come from Node, which was built for this one.
import { constants } from 'node:fs'

export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000

export const O_RDONLY = constants.O_RDONLY
export const O_WRONLY = constants.O_WRONLY
export const O_RDWR = constants.O_RDWR
export const O_CREAT = constants.O_CREAT
export const O_EXCL = constants.O_EXCL
export const O_TRUNC = constants.O_TRUNC
export const O_APPEND = constants.O_APPEND
export const O_NONBLOCK = constants.O_NONBLOCK ?? 0
export const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0
export const O_DIRECTORY = constants.O_DIRECTORY ?? 0
/** Not to change the access time; the kernel refuses it (EPERM) on files of other users. */
export const O_NOATIME = constants.O_NOATIME ?? 0
/** Linux only; the same on x64 and arm64. Set on everything that is opened here. */
export const O_CLOEXEC = process.platform === 'linux' ? 0o2000000 : 0
/** Linux only: a handle to the name itself, also of a symlink, that reads nothing. */
export const O_PATH = process.platform === 'linux' ? 0o10000000 : 0

export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000

// What `readDirectory` says about an entry without looking at it; 0 when the file system does not tell.
export const DT_UNKNOWN = 0
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12
