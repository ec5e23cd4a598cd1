import { defineCommand } from '../command.ts'
import { parseSnapshotPath, type SnapshotPath } from '../flags.ts'

export const cat = defineCommand<{}, [SnapshotPath]>({
  name: 'cat',
  brief: 'print the content of a file of a snapshot',
  description: [
    'Writes the bytes of one file to standard output, whatever they are. Every piece is verified before it is written; --json has no effect on the content.',
  ],
  examples: [
    { command: 'holdfast cat latest:/etc/fstab', what: 'look at a file' },
    { command: 'holdfast cat latest:/srv/db.sql.gz | gunzip | psql', what: 'use it without restoring it first' },
  ],
  needs: 'files',
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          placeholder: 'SNAPSHOT:PATH',
          brief: '`latest`, an id or its beginning, and the file',
          parse: parseSnapshotPath,
        },
      ],
    },
  },
  async run(context, _flags, { snapshot, path }) {
    const [{ withRepository, readerOf }, { catFile }] = await Promise.all([
      import('../repository.ts'),
      import('../../ops/cat.ts'),
    ])
    context.out.contentOnly()
    await withRepository(context, async (repository) => {
      const found = await repository.findSnapshot(snapshot)
      const reader = await readerOf(context, repository, found)
      for await (const piece of catFile(reader, found.body.root, path)) await context.out.bytes(piece)
    })
  },
})
