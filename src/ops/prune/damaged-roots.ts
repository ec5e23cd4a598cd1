// What is said when snapshots cannot be read, or trees of them, so that nothing is deleted: which ones those are, and how to let
// go of them where a repair does not help (docs/decisions/0026).
import { BackupError, codeOf } from '../../base/errors.ts'
import { parseObjectName } from '../../format/names.ts'
import type { Root } from './roots.ts'

/** Digits of an id that are shown. */
const ID_DIGITS = 10
/** Snapshots that are named one by one. */
const NAMED_MAX = 8

/** What ends a prune: snapshots that cannot be read, or whose trees cannot. */
export class DamagedRoots extends BackupError {
  /** Hashes, hex, of those of them that lie in the trash. */
  readonly inTrash: ReadonlySet<string>

  constructor(
    what: string,
    subject: string,
    { cause, hint, inTrash }: { readonly cause: unknown; readonly hint: string; readonly inTrash: readonly string[] },
  ) {
    super(codeOf(cause), what, subject, { cause, hint })
    this.inTrash = new Set(inTrash)
  }
}

/** By name, in order: what is the matter with each. */
export function unreadableSnapshots(damaged: ReadonlyMap<string, BackupError>): DamagedRoots {
  const parsed = [...damaged.keys()].map((name) => parseObjectName(name)!)
  const ids = (kind: 'snapshot' | 'trash') => parsed.flatMap((each) => (each.kind === kind ? [each.hash] : []))
  const orders = [...order('forget --damaged', ids('snapshot')), ...order('trash purge', ids('trash'))].join(', ')
  const [[first, cause]] = [...damaged] as [[string, BackupError]]
  const many = damaged.size === 1 ? 'a snapshot' : `${damaged.size} snapshots`
  return new DamagedRoots(`${many} cannot be read, so nothing is deleted`, first, {
    cause,
    inTrash: ids('trash'),
    hint: `run \`holdfast repair\`; where that cannot make it good, ${orders} lets go of it`,
  })
}

/** Snapshots of whose trees something cannot be read: all in place, or all in the trash. */
export function damagedTrees(damaged: readonly Root[], cause: unknown): DamagedRoots {
  const { objectName, inTrash } = damaged[0]!
  const where = inTrash ? ' in the trash' : ''
  const many = damaged.length === 1 ? `a snapshot${where}` : `${damaged.length} snapshots${where}`
  const ids = damaged.map(({ id }) => id)
  const orders = [...(inTrash ? [] : order('forget', ids)), ...order('trash purge', ids)].join(', then ')
  return new DamagedRoots(`${many} cannot be read as a whole, so nothing is deleted`, objectName, {
    cause,
    inTrash: inTrash ? ids : [],
    hint: `\`holdfast repair\` may make it good, or a backup of what the source still has; else ${orders} lets go of it`,
  })
}

function order(command: string, ids: readonly string[]): string[] {
  if (ids.length === 0) return []
  const named = ids.slice(0, NAMED_MAX).map((id) => id.slice(0, ID_DIGITS))
  return [`\`holdfast ${command} ${named.join(' ')}\`${ids.length > NAMED_MAX ? ' …' : ''}`]
}
