import { defineCommand } from '../command.ts'

export const holdList = defineCommand({
  name: 'hold list',
  brief: 'list snapshots that are held or have a date',
  description: [
    'Lists what is not to be forgotten until it is released or until a date, and what must be gone by one.',
  ],
  examples: [{ command: 'holdfast hold list', what: 'what is kept whatever the policy says?' }],
  needs: 'names',
  parameters: {},
  async run(context) {
    const [{ withOpenRepository }, { listHolds }] = await Promise.all([
      import('../repository.ts'),
      import('../hold-commands.ts'),
    ])
    await withOpenRepository(context, (repository) => listHolds(context, repository))
  },
})
