import { defineCommand } from '../command.ts'

export const policyShow = defineCommand({
  name: 'policy show',
  brief: 'show which snapshots are kept',
  description: ['Shows the policy in force, who set it and when, and the flags that would set it again.'],
  examples: [{ command: 'holdfast policy show', what: 'what does `holdfast forget` go by?' }],
  needs: 'history',
  parameters: {},
  async run(context) {
    const [{ withOpenRepository }, { showPolicy }] = await Promise.all([
      import('../repository.ts'),
      import('../policy-commands.ts'),
    ])
    await withOpenRepository(context, (repository) => showPolicy(context, repository))
  },
})
