import { defineCommand } from '../command.ts'

export const stats = defineCommand({
  name: 'stats',
  brief: 'show what the repository holds and saves',
  description: [
    'Shows how many snapshots there are, how much they would take if each were stored by itself, how much is stored, and what deduplication and compression save.',
  ],
  examples: [{ command: 'holdfast stats', what: 'how large is it, and how well does it do?' }],
  parameters: {},
  async run(context) {
    const [{ withRepository }, { showStats }] = await Promise.all([
      import('../repository.ts'),
      import('../stats-view.ts'),
    ])
    return withRepository(context, (repository) => showStats(context, repository))
  },
})
