import { defineCommand } from '../command.ts'
import { parsed, yes } from '../flags.ts'
import { parseShare } from '../units.ts'

export const check = defineCommand<{ readData?: boolean; sample?: number }>({
  name: 'check',
  brief: 'verify that everything can be restored',
  description: [
    'Verifies the repository: that every snapshot is genuine and none is missing, that every folder of each can be read, and that every piece of data they need is in a pack that is there. With --sample a share of the packs is read and verified, with --read-data all of them.',
    'Damage is named: the object, what is wrong with it, and the snapshots and files that need it. The exit code is then 4.',
  ],
  examples: [
    { command: 'holdfast check', what: 'structure: quick, reads no file content' },
    { command: 'holdfast check --sample 5%', what: 'weekly: another twentieth of the data each time' },
    { command: 'holdfast check --read-data', what: 'every byte' },
  ],
  parameters: {
    flags: {
      readData: yes('Read and verify all packs'),
      sample: parsed('SHARE', 'Read and verify a random share of the packs, such as 5%', parseShare),
    },
  },
  async run(context, flags) {
    const { runCheck } = await import('../check-view.ts')
    return runCheck(context, flags)
  },
})
