import { BackupError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import { parsed, text, yes } from '../flags.ts'
import { parseShare, parseSize } from '../units.ts'

export type DrillFlags = {
  readonly files?: number
  readonly sample?: number
  readonly all?: boolean
  readonly scratch?: string
  readonly space?: number
  readonly noCompare?: boolean
  readonly noRecord?: boolean
  readonly status?: boolean
}

export const drill = defineCommand<DrillFlags, [string?]>({
  name: 'drill',
  brief: 'prove that a restore works',
  description: [
    'Restores files of SNAPSHOT (the latest unless given), chosen at random, to a scratch folder, reads them again and compares them with the snapshot, and with the source where that has not changed since. The scratch folder is removed afterwards.',
    'When all went well the date is remembered on this machine and noted in the log of the repository: --status and `holdfast stats` say when it was last proved that a restore works, and by whom.',
    'What cannot be restored is named and the exit code is 4; a source that has other bytes although its times say that it did not change is named too, and the exit code is 3.',
  ],
  examples: [
    { command: 'holdfast drill', what: 'a hundred files: every week, unattended' },
    { command: 'holdfast drill --sample 1%', what: 'a hundredth of all files' },
    { command: 'holdfast drill --all --scratch /mnt/large latest', what: 'everything, in portions that fit' },
    { command: 'holdfast drill --status', what: 'when was it last proved?' },
  ],
  needs: ({ status }) => (status === true ? { need: 'history' } : { need: 'files' }),
  parameters: {
    flags: {
      files: parsed('N', 'So many files (100 unless given)', parseCount),
      sample: parsed('SHARE', 'A share of the files, such as 1%', parseShare),
      all: yes('The whole snapshot'),
      scratch: text('DIR', 'Where to make the scratch folder; the folder for temporary files unless given'),
      space: parsed('SIZE', 'Use at most so much of it at a time (1G unless given)', parseSize),
      noCompare: yes('Do not compare with the source'),
      noRecord: yes('Do not note it in the log'),
      status: yes('Restore nothing: say when it was last proved that a restore works'),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'SNAPSHOT', brief: 'Which one; the latest unless given', parse: String, optional: true },
      ],
    },
  },
  async run(context, flags, snapshot) {
    const { runDrill } = await import('../drill-view.ts')
    return runDrill(context, flags, snapshot)
  },
})

function parseCount(digits: string): number {
  if (!/^[1-9]\d{0,8}$/.test(digits)) throw new BackupError('usage', 'not a count', digits)
  return Number(digits)
}
