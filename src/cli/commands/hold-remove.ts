import { defineCommand } from '../command.ts'
import { named, text } from '../flags.ts'

export const holdRemove = defineCommand<{ readonly reason?: string }, string[]>({
  name: 'hold remove',
  brief: 'release snapshots that are held',
  description: [
    'Takes back all that `holdfast hold add` ordered for these snapshots, dates too. What a backup was given when it was made stays. Nothing is removed now: from the next run on they go by the policy like others.',
  ],
  examples: [{ command: 'holdfast hold remove 1f2e3d4c', what: 'it goes by the policy again' }],
  needs: 'upkeep',
  parameters: {
    flags: { reason: text('TEXT', 'Why, for the log') },
    positional: { kind: 'array', parameter: { placeholder: 'SNAPSHOT', brief: 'Which', parse: named }, minimum: 1 },
  },
  async run(context, flags, ...specs) {
    const { removeHold } = await import('../hold-commands.ts')
    await removeHold(context, flags, specs)
  },
})
