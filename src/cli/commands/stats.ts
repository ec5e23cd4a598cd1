import { defineCommand } from '../command.ts'

export const stats = defineCommand({
  name: 'stats',
  brief: 'show what the repository holds and saves',
  description: [
    'Shows how many snapshots there are, how much they would take if each were stored by itself, how much is stored, and what deduplication and compression save. A key that sees no names is told what it may know of that.',
  ],
  examples: [{ command: 'holdfast stats', what: 'how large is it, and how well does it do?' }],
  needs: null,
  parameters: {},
  async run(context) {
    const [{ withKeys }, { showReportStats, showStats }, { hasNeed }] = await Promise.all([
      import('../repository.ts'),
      import('../stats-view.ts'),
      import('../../repo/roles.ts'),
    ])
    return withKeys(context, 'read', (opened) => {
      const { repository, unlocked } = opened
      const sees = repository !== undefined && hasNeed(unlocked.bundle.role, 'names')
      return sees ? showStats(context, repository) : showReportStats(context, opened)
    })
  },
})
