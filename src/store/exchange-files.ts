// Puts a file in the place of another one that is still there, in one step: what somebody deletes at this moment stays deleted.
import { errnoOf } from '../base/errors.ts'

/** `exchanged`, `gone` when one of the two is not there, or `unsupported` by this system or file system. */
export type Exchange = (one: string, other: string) => Promise<'exchanged' | 'gone' | 'unsupported'>

export const exchangeFiles: Exchange = async (one, other) => {
  // Only repairs need it.
  const [{ AT_FDCWD }, { renameAt }] = await Promise.all([import('../posix/constants.ts'), import('../posix/names.ts')])
  try {
    renameAt(AT_FDCWD, one, AT_FDCWD, other, 'exchange')
    return 'exchanged'
  } catch (cause) {
    const code = errnoOf(cause)
    if (code === 'ENOENT') return 'gone'
    if (code !== undefined && UNSUPPORTED.has(code)) return 'unsupported'
    throw cause
  }
}

/** NFS, SMB and old file systems say EINVAL, systems without the call ENOSYS. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'])
