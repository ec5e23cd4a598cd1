import { defineCommand } from '../command.ts'
import { named, parsed } from '../flags.ts'
import { parseTrashDays } from '../retention-flags.ts'

export const trashPurge = defineCommand<{ readonly olderThan?: number }, string[]>({
  name: 'trash purge',
  brief: 'remove for good what was forgotten long enough ago, or what is named',
  description: [
    'Deletes from the trash what was forgotten longer ago than the policy says, 7 days without one, by the clock of the store; `holdfast forget` does that too. What only these snapshots need is freed by pruning. It cannot be undone.',
    'What is named goes at once, also where it is damaged: that is how to let go of a snapshot in the trash that keeps prunes from running.',
  ],
  examples: [
    { command: 'holdfast trash purge', what: 'what is over' },
    { command: 'holdfast trash purge --older-than 0', what: 'everything, now' },
    { command: 'holdfast trash purge 1f2e3d4c', what: 'one snapshot, now' },
  ],
  needs: 'upkeep',
  parameters: {
    flags: { olderThan: parsed('DAYS', 'In the place of what the policy says', parseTrashDays) },
    positional: {
      kind: 'array',
      parameter: {
        placeholder: 'SNAPSHOT',
        brief: 'Snapshots in the trash, by the beginning of their ids',
        parse: named,
      },
    },
  },
  async run(context, flags, ...specs) {
    const { purgeTrashed } = await import('../trash-commands.ts')
    await purgeTrashed(context, flags, specs)
  },
})
