import { defineCommand } from '../command.ts'
import { named, text, yes } from '../flags.ts'

export const trashRecall = defineCommand<{ readonly all?: boolean; readonly reason?: string }, string[]>({
  name: 'trash recall',
  brief: 'bring back what was forgotten',
  description: [
    'Makes snapshots that lie in the trash part of the history again, as they were, and notes it in the log. The next `holdfast forget` may remove them again: hold what is to stay (`holdfast hold add`), or change the policy.',
  ],
  examples: [
    { command: 'holdfast trash recall 1f2e3d4c', what: 'one of them' },
    { command: 'holdfast trash recall --all', what: 'everything that is still there' },
  ],
  needs: 'upkeep',
  parameters: {
    flags: { all: yes('Everything in the trash'), reason: text('TEXT', 'Why, for the log') },
    positional: { kind: 'array', parameter: { placeholder: 'SNAPSHOT', brief: 'Which', parse: named } },
  },
  async run(context, flags, ...specs) {
    const { recallTrashed } = await import('../trash-commands.ts')
    await recallTrashed(context, flags, specs)
  },
})
