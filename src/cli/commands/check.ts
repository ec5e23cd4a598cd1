import { defineCommand } from '../command.ts'
import { parsed, yes } from '../flags.ts'
import { parsePeriod, parseRate, parseShare } from '../units.ts'

export type CheckFlags = {
  readonly readData?: boolean
  readonly resume?: boolean
  readonly sample?: number
  readonly within?: number
  readonly limitRate?: number
  readonly attest?: boolean
}

export const check = defineCommand<CheckFlags>({
  name: 'check',
  brief: 'verify that everything can be restored',
  description: [
    'Verifies the repository: that every snapshot is genuine and none is missing, that every folder of each can be read, and that every piece of data they need is in a pack that is there. With --sample a share of the packs is read and verified, with --read-data all of them.',
    'This machine remembers which packs it has read and found good: samples take first what was never read, then what was read longest ago, so that twenty runs with 5% read everything. With --within 30d the share follows from when the last check was, so that checks that run again and again read everything within that time.',
    'Ctrl-C keeps what was verified: --read-data --resume goes on where the last one was stopped. A key that may not read content verifies folders and names, and compares packs of content with the hashes in their names.',
    'With --attest the packs that were read and found good are attested: signed as such in the log. Backups that trust nobody else rely on those. Takes a key that may read content, of a machine that was let in.',
    'Damage is named: the object, what is wrong with it, and the snapshots and files that need it. The exit code is then 4, also when the store went away before everything was checked.',
  ],
  examples: [
    { command: 'holdfast check', what: 'structure: quick, reads no file content' },
    { command: 'holdfast check --sample 5%', what: 'weekly: another twentieth of the data each time' },
    { command: 'holdfast check --within 30d --limit-rate 20M', what: 'daily, unattended: all data within a month' },
    { command: 'holdfast check --read-data', what: 'every byte' },
    { command: 'holdfast check --within 7d --attest', what: 'daily, for machines with `trust = "own+attested"`' },
  ],
  needs: ({ attest }) => (attest === true ? { need: 'files', flag: 'attest' } : { need: 'names' }),
  parameters: {
    flags: {
      readData: yes('Read and verify all packs'),
      resume: yes('With --read-data: pass over what the last one had verified when it was stopped'),
      sample: parsed('SHARE', 'Read and verify a share of the packs, such as 5%', parseShare),
      within: parsed(
        'PERIOD',
        'Read and verify enough packs for all to be read within this time, such as 30d',
        parsePeriod,
      ),
      attest: yes('Sign that the packs read are good, for backups with `--trust own+attested`'),
      limitRate: parsed('SIZE', 'Read at most so many bytes a second, such as 20M', parseRate),
    },
  },
  async run(context, flags) {
    const { runCheck } = await import('../check-view.ts')
    return runCheck(context, flags)
  },
})
