import { defineCommand } from '../command.ts'
import { parsed } from '../flags.ts'
import { parseTrashDays } from '../retention-flags.ts'

export const trashPurge = defineCommand<{ readonly olderThan?: number }>({
  name: 'trash purge',
  brief: 'remove for good what was forgotten long enough ago',
  description: [
    'Deletes from the trash what was forgotten longer ago than the policy says, 7 days without one, by the clock of the store; `holdfast forget` does that too. What only these snapshots need is freed by pruning. It cannot be undone.',
  ],
  examples: [
    { command: 'holdfast trash purge', what: 'what is over' },
    { command: 'holdfast trash purge --older-than 0', what: 'everything, now' },
  ],
  parameters: {
    flags: { olderThan: parsed('DAYS', 'In the place of what the policy says', parseTrashDays) },
  },
  async run(context, flags) {
    const { purgeTrashed } = await import('../trash-commands.ts')
    await purgeTrashed(context, flags)
  },
})
