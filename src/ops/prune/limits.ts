// When a prune stops and asks: more would be deleted than usual, or something is lost already.
import { BackupError } from '../../base/errors.ts'
import type { Choice } from './choose.ts'
import type { Mark } from './mark.ts'
import { MAX_REMOVED } from './options.ts'
import type { PruneOptions } from './options.ts'

/** Throws `limit` when a larger share of what is stored would be deleted than is allowed. */
export function checkChoice(choice: Choice, { maxRemoved = MAX_REMOVED }: PruneOptions, location: string): void {
  const share = removedShare(choice)
  if (share <= maxRemoved) return
  const percent = Math.ceil(share * 100)
  const what = `${percent} % of what is stored would be deleted, more than ${Math.floor(maxRemoved * 100)} %`
  throw new BackupError('limit', what, location, {
    hint: `look at \`holdfast snapshots\`; if that is right: \`holdfast prune --max-removed ${percent}%\``,
  })
}

/** Share of the stored bytes that nothing needs and that goes: of packs that go as a whole, and of those that are copied. */
function removedShare({ dead, repack, adopt, keep }: Choice): number {
  const gone = sumOf(dead, ({ pack }) => pack.size) + sumOf(repack, (use) => use.dead)
  const all = sumOf([...dead, ...repack, ...adopt, ...keep], ({ pack }) => pack.size)
  return all === 0 ? 0 : gone / all
}

/** Throws `corrupt` when content that snapshots need is in no pack: deleting would be going by a list that lacks something. */
export function checkNothingIsMissing(mark: Mark, { allowMissing = false }: PruneOptions, location: string): void {
  if (mark.missing === 0 || allowMissing) return
  const what = `snapshots need ${mark.missing} pieces of content that are in no pack, so nothing is deleted`
  throw new BackupError('corrupt', what, location, {
    hint: 'run `holdfast check`: it names the files; when nothing can be done: `holdfast prune --allow-missing`',
  })
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}
