import { defineCommand } from '../command.ts'

export const trashList = defineCommand({
  name: 'trash list',
  brief: 'list what was forgotten and can be brought back',
  description: [
    'Lists the snapshots in the trash: who forgot each one and when, and until when it can be brought back. Times are those of the store.',
  ],
  examples: [{ command: 'holdfast trash list', what: 'what can still be brought back?' }],
  needs: 'names',
  parameters: {},
  async run(context) {
    const [{ withOpenRepository }, { listTrashed }] = await Promise.all([
      import('../repository.ts'),
      import('../trash-commands.ts'),
    ])
    await withOpenRepository(context, (repository) => listTrashed(context, repository))
  },
})
