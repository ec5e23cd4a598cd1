import { defineCommand } from '../command.ts'
import { text, yes } from '../flags.ts'
import { RETENTION_FLAGS } from '../retention-flags.ts'
import type { RetentionFlags } from '../retention-flags.ts'

export type PolicySetFlags = RetentionFlags & { readonly none?: boolean; readonly reason?: string }

export const policySet = defineCommand<PolicySetFlags>({
  name: 'policy set',
  brief: 'say which snapshots are kept from now on',
  description: [
    'Stores a policy in the repository, in the place of the one before: what some rule keeps stays, all else goes when `holdfast forget` runs. Nothing is removed now. Setting it takes a key with the role admin or maintain, and is noted in the log for everybody to see.',
    'Rules with a number count the newest periods that have a snapshot, not days from today: a machine that stopped backing up loses none.',
  ],
  examples: [
    {
      command: 'holdfast policy set --keep-daily 14 --keep-weekly 8 --keep-monthly 24 --keep-yearly all',
      what: 'thinner as it gets older',
    },
    { command: 'holdfast policy set --keep-within 30d --keep-tag release --trash-days 30', what: 'by age and by tag' },
    { command: 'holdfast policy set --none', what: 'nothing is forgotten any more' },
  ],
  needs: 'upkeep',
  parameters: {
    flags: {
      ...RETENTION_FLAGS,
      none: yes('No rule: nothing is forgotten'),
      reason: text('TEXT', 'Why, for the log'),
    },
  },
  async run(context, flags) {
    const { setPolicy } = await import('../policy-commands.ts')
    await setPolicy(context, flags)
  },
})
