// Files of this machine, opened by path.
import { displayText } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../posix/constants.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { SourceFile } from '../../source/source-file.ts'
import type { FileReader } from './file-reader.ts'

export const posixFileReader: FileReader = {
  open: (path) => (path.byteLength <= PATH_MAX ? SourceFile.open(AT_FDCWD, path) : openLong(path)),
}

/** Bytes of a path that the system takes at once, with its end. */
const PATH_MAX = 4095
const SLASH = 0x2f

/** Opens a file whose path is too long for one call, directory by directory. */
function openLong(path: Uint8Array): SourceFile {
  let dirFd = AT_FDCWD
  let at = 0
  try {
    while (path.byteLength - at > PATH_MAX) {
      const cut = path.subarray(0, at + PATH_MAX).lastIndexOf(SLASH)
      if (cut <= at) throw new BackupError('limit', 'a name is longer than the system takes', displayText(path))
      const next = openAt(dirFd, path.subarray(at, cut), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      if (dirFd !== AT_FDCWD) closeFd(dirFd)
      dirFd = next
      at = cut + 1
    }
    return SourceFile.open(dirFd, path.subarray(at))
  } finally {
    if (dirFd !== AT_FDCWD) closeFd(dirFd)
  }
}
