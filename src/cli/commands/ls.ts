import { defineCommand } from '../command.ts'
import { parseSnapshotPath, yes, type SnapshotPath } from '../flags.ts'

export const ls = defineCommand<{ recursive?: boolean; long?: boolean }, [SnapshotPath]>({
  name: 'ls',
  brief: 'list files of a snapshot',
  description: [
    'Lists what a snapshot holds: its sources when no PATH is given, else the folder or the file at PATH. PATH is absolute as it was when it was backed up, or begins in a source or with its last name (`photos/2026` in /srv/photos).',
    'Names that a terminal would obey are shown escaped; --json has them without loss. `[content lost]` marks what cannot be restored whole, as a repair has found.',
  ],
  examples: [
    { command: 'holdfast ls latest', what: 'what did the newest snapshot back up?' },
    { command: 'holdfast ls -l latest:/home/ann/photos', what: 'a folder with sizes and times' },
    { command: 'holdfast ls -R 3f9a1c --json', what: 'everything, for a program' },
  ],
  needs: 'names',
  parameters: {
    flags: {
      recursive: yes('Also everything below, at any depth'),
      long: yes('Mode, owner, size and time of each entry'),
    },
    aliases: { R: 'recursive', l: 'long' },
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'SNAPSHOT[:PATH]', brief: '`latest`, an id or its beginning', parse: parseSnapshotPath },
      ],
    },
  },
  async run(context, flags, { snapshot, path }) {
    const [
      { withRepository, readerOf },
      { listTree },
      { entryLine, entryRecord },
      { lacksOf, LackMarks, tellUnnamed },
    ] = await Promise.all([
      import('../repository.ts'),
      import('../../ops/ls.ts'),
      import('../entry-view.ts'),
      import('../known-lacks.ts'),
    ])
    await withRepository(context, async (repository) => {
      const found = await repository.findSnapshot(snapshot)
      const reader = await readerOf(context, repository, found)
      const lacks = await lacksOf(context, repository, [found])
      tellUnnamed(context, lacks.values())
      const marks = new LackMarks(lacks.get(found.id))
      await listTree({
        reader,
        root: found.body.root,
        path,
        recursive: flags.recursive === true,
        onEntry(at, entry) {
          if (context.out.json) context.out.record(entryRecord('entry', at, entry, marks.has(at)))
          else context.out.line(entryLine(at, entry, flags.long === true, marks.has(at)))
        },
      })
    })
  },
})
