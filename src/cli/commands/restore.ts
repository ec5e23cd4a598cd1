import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { BackupError, errnoOf } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import { plainPath } from '../native-text.ts'
import { oneOf, parseSnapshotPath, text, texts, yes, type SnapshotPath } from '../flags.ts'

type RestoreFlags = {
  readonly target?: string
  readonly dryRun?: boolean
  readonly delete?: boolean
  readonly verify?: boolean
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly compare?: 'attributes' | 'content'
  readonly sparse?: 'recorded' | 'zeros' | 'none'
  readonly numericOwner?: boolean
  readonly noOwner?: boolean
  readonly noMode?: boolean
  readonly noTimes?: boolean
  readonly noXattrs?: boolean
  readonly noAcls?: boolean
  readonly noFlags?: boolean
}

export const restore = defineCommand<RestoreFlags, [SnapshotPath]>({
  name: 'restore',
  brief: 'bring files back',
  description: [
    'Restores a snapshot, or the file or folder at PATH, below the folder --target. Without PATH every source is restored under its whole path (`/home/ann` becomes TARGET/home/ann); with PATH the content of that folder goes straight into the target. `--target /` puts a snapshot back to where it was.',
    'What is in the target already and unchanged is not written again; what differs is replaced; what the snapshot does not have stays unless --delete is given. Nothing is ever written outside of the target.',
    'Every piece of data is verified while it is restored; --verify reads the result once more from disk and compares it. What a repair has found that the snapshot lacks is told before it begins; the rest is restored.',
  ],
  examples: [
    { command: 'holdfast restore latest --target ./restored', what: 'everything of the newest snapshot' },
    { command: 'holdfast restore latest:/home/ann/photos --target ./photos', what: 'one folder' },
    {
      command: 'holdfast restore 3f9a1c:/etc --target /etc --delete --dry-run',
      what: 'see what putting /etc back would change',
    },
    {
      command: "holdfast restore latest -t ./keys --include '*.key' --no-owner",
      what: 'only some files, as the user who runs this',
    },
  ],
  needs: 'files',
  parameters: {
    flags: {
      target: text('DIR', 'Folder to restore into; made when it is missing (required)'),
      dryRun: yes('Change nothing, show what would be done'),
      delete: yes('Remove what is in the target and not in the snapshot'),
      verify: yes('Read everything again afterwards and compare it'),
      include: texts('GLOB', 'Only what matches, with everything below'),
      exclude: texts('GLOB', 'Not what matches'),
      compare: oneOf(
        ['attributes', 'content'] as const,
        'When an existing file counts as unchanged: by size and time (the default), or by every byte',
      ),
      sparse: oneOf(
        ['recorded', 'zeros', 'none'] as const,
        'Where holes go: as they were (the default), also for zeros, or nowhere',
      ),
      numericOwner: yes('Owners by number, not by name'),
      noOwner: yes('Leave out owner and group'),
      noMode: yes('Leave out permission bits'),
      noTimes: yes('Leave out times'),
      noXattrs: yes('Leave out extended attributes'),
      noAcls: yes('Leave out access control lists'),
      noFlags: yes('Leave out what chattr sets'),
    },
    aliases: { t: 'target', n: 'dryRun', i: 'include', e: 'exclude' },
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'SNAPSHOT[:PATH]', brief: '`latest`, an id or its beginning', parse: parseSnapshotPath },
      ],
    },
  },
  async run(context, flags, { snapshot, path }) {
    const { target } = flags
    if (target === undefined || target === '') {
      const hint = '`--target /` puts files back to where they were'
      throw new BackupError('usage', 'restore needs a folder to restore into', '--target DIR', { hint })
    }
    const [
      { withRepository, readerOf },
      { restore },
      { locate },
      { pathFilter },
      { stoppable },
      { dryRunEvents, exitCodeOfRestore, printRestore },
      { lacksOf, tellLack },
    ] = await Promise.all([
      import('../repository.ts'),
      import('../../ops/restore/restore.ts'),
      import('../../ops/browse/tree-path.ts'),
      import('../path-filter.ts'),
      import('../signals.ts'),
      import('../restore-view.ts'),
      import('../known-lacks.ts'),
    ])
    refuseFile(plainPath(target))
    return withRepository(context, async (repository) => {
      const chosen = await repository.findSnapshot(snapshot)
      const reader = await readerOf(context, repository, chosen)
      const wanted = path.length === 0 ? path : (await locate(reader, chosen.body.root, path)).path
      for (const lack of (await lacksOf(context, repository, [chosen])).values()) tellLack(context, lack, wanted)
      const filter = pathFilter(flags.include ?? [], flags.exclude ?? [])
      const result = await stoppable(context, 'what is restored so far stays; the same command goes on', (signal) =>
        restore({
          repo: reader,
          root: chosen.body.root,
          ...(wanted.length === 0 ? {} : { path: wanted }),
          target: plainPath(target),
          ...(filter === undefined ? {} : { filter }),
          metadata: {
            owner: !flags.noOwner,
            mode: !flags.noMode,
            times: !flags.noTimes,
            xattrs: !flags.noXattrs,
            acls: !flags.noAcls,
            flags: !flags.noFlags,
          },
          numericOwner: flags.numericOwner === true,
          delete: flags.delete === true,
          dryRun: flags.dryRun === true,
          compare: flags.compare ?? 'attributes',
          verify: flags.verify === true,
          sparse: flags.sparse ?? 'recorded',
          threads: availableParallelism(),
          fileEvents: context.globals.verbose || flags.dryRun === true,
          onEvent: flags.dryRun === true ? dryRunEvents(context) : context.reporter.onEvent,
          signal,
        }),
      )
      context.reporter.finish()
      printRestore(
        context,
        { snapshot: chosen.id, target, dryRun: flags.dryRun === true, verified: flags.verify === true },
        result,
      )
      return exitCodeOfRestore(result)
    })
  },
})

/** Before the repository is opened; everything else about the target is found out when it is. */
function refuseFile(target: string): void {
  const isFolder = (): boolean => {
    try {
      return statSync(target).isDirectory()
    } catch (cause) {
      return errnoOf(cause) !== 'ENOTDIR'
    }
  }
  if (isFolder()) return
  throw new BackupError('usage', 'the target is a file, or below one', target, { hint: 'name a folder with --target' })
}
