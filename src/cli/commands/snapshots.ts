import { BackupError } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { defineCommand } from '../command.ts'
import { parsed, text, texts } from '../flags.ts'

type SnapshotsFlags = {
  readonly host?: string
  readonly tag?: readonly string[]
  readonly source?: string
  readonly last?: number
}

export const snapshots = defineCommand<SnapshotsFlags>({
  name: 'snapshots',
  brief: 'list the snapshots in the repository',
  description: [
    'Lists snapshots, the oldest first: id, time, host, how much it holds, how much it added to the repository, and its sources. The beginning of an id is enough wherever a snapshot is asked for; `latest` is the newest of all.',
    'A snapshot marked `partial` is complete but for files that could not be read. `unconfirmed` means that the backup that made it never reported success: it was interrupted at the very end, or still runs. `lacks 3 paths` means that a repair could not make good what is damaged or missing, and that so many files or folders cannot be restored whole: `holdfast ls -R` marks them, and a backup of what the source still has stores it again.',
  ],
  examples: [
    { command: 'holdfast snapshots', what: 'what is there?' },
    { command: 'holdfast snapshots --host mail --last 3', what: 'the newest three of one machine' },
  ],
  needs: null,
  parameters: {
    flags: {
      host: text('NAME', 'Only snapshots of this host'),
      tag: texts('TAG', 'Only snapshots with this tag'),
      source: text('PATH', 'Only snapshots that hold this path'),
      last: parsed('N', 'Only the newest N', parseCount),
    },
  },
  async run(context, flags) {
    const [{ withKeys }, view, { lacksOf }] = await Promise.all([
      import('../repository.ts'),
      import('../snapshot-view.ts'),
      import('../known-lacks.ts'),
    ])
    const { out, reporter } = context
    return withKeys(context, 'read', async ({ store, unlocked, repository }) => {
      if (repository === undefined || SEES_NO_NAMES.has(unlocked.bundle.role)) {
        const { showReport } = await import('../report-view.ts')
        return showReport(context, { store, unlocked, ...(repository !== undefined && { repository }) }, flags)
      }
      const { snapshots: chosen, exitCode } = await view.chosenSnapshots(context, repository, flags)
      const lacks = await lacksOf(context, repository, chosen)
      for (const snapshot of chosen) out.record(view.snapshotRecord(snapshot, 'snapshot', lacks.get(snapshot.id)))
      if (chosen.length === 0)
        reporter.note(isFiltered(flags) ? 'no snapshot is what these flags ask for' : 'no snapshots')
      else for (const line of view.snapshotTable(repository, chosen, lacks)) out.line(line)
      return exitCode
    })
  },
})

const SEES_NO_NAMES: ReadonlySet<Role> = new Set(['write', 'report'])

function isFiltered({ host, tag = [], source }: SnapshotsFlags): boolean {
  return host !== undefined || tag.length > 0 || source !== undefined
}

function parseCount(digits: string): number {
  if (!/^[1-9]\d{0,8}$/.test(digits)) throw new BackupError('usage', 'not a count', digits)
  return Number(digits)
}
