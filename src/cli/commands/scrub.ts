import { defineCommand } from '../command.ts'
import { parsed } from '../flags.ts'
import { parseRate } from '../units.ts'

export const scrub = defineCommand<{ readonly limitRate?: number }>({
  name: 'scrub',
  brief: 'verify a store without any key',
  description: [
    'Reads every object of the store at --repo and compares it with its name, which is a hash of its content; signatures and the chains of snapshots are verified too. Needs no passphrase: whoever keeps a store for others can find bad sectors without being able to read anything.',
    'Damage is named and the exit code is then 4. What it cannot tell is whether an object is missing: `holdfast check` can.',
  ],
  examples: [
    { command: 'holdfast scrub --repo /srv/backups/ann', what: 'look for damage on the machine that keeps it' },
  ],
  needs: null,
  parameters: {
    flags: { limitRate: parsed('SIZE', 'Read at most so many bytes a second, such as 20M', parseRate) },
  },
  async run(context, flags) {
    const { runScrub } = await import('../check-view.ts')
    return runScrub(context, flags)
  },
})
