// What is said when trees cannot be read, so that nothing is deleted: which snapshots those are, and how to let go of them.
import { BackupError, codeOf } from '../../base/errors.ts'
import type { Root } from './roots.ts'

/** Of an id, where it is shown. */
const ID_DIGITS = 10
/** Snapshots that are named one by one. */
const NAMED_MAX = 8

/** `damaged` are all in place, or all in the trash. */
export function damagedTrees(damaged: readonly Root[], cause: unknown): BackupError {
  const { objectName, inTrash } = damaged[0]!
  const where = inTrash ? ' in the trash' : ''
  const many = damaged.length === 1 ? `a snapshot${where}` : `${damaged.length} snapshots${where}`
  const what = `${many} cannot be read as a whole, so nothing is deleted`
  const ids = damaged.slice(0, NAMED_MAX).map(({ id }) => id.slice(0, ID_DIGITS))
  const more = damaged.length > NAMED_MAX ? ' …' : ''
  const named = ids.join(' ')
  const purge = `\`holdfast trash purge ${named}\`${more}`
  const letGo = inTrash
    ? `${purge} lets go of ${damaged.length === 1 ? 'it' : 'them'}`
    : `\`holdfast forget ${named}\`${more}, then ${purge} let go of ${damaged.length === 1 ? 'it' : 'them'}`
  return new BackupError(codeOf(cause), what, objectName, {
    cause,
    hint: `\`holdfast repair\` may make it good, or a backup of what the source still has; else ${letGo}`,
  })
}
