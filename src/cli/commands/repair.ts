import { defineCommand } from '../command.ts'
import { text, texts, yes } from '../flags.ts'

export type RepairFlags = {
  readonly dryRun?: boolean
  readonly from?: string
  readonly structure?: boolean
  readonly acceptLoss?: readonly string[]
  readonly reason?: string
  readonly yes?: boolean
}

export const repair = defineCommand<RepairFlags>({
  name: 'repair',
  brief: 'make good what is damaged or missing',
  description: [
    'Reads the whole repository. What is damaged is computed from parity, or fetched from another copy of the repository with --from; what is missing is brought back; packs that the index does not name are indexed again; parity that is missing is made. Bytes are put in the place of others only when they have the hash that the name of the object promises.',
    'What cannot be made good is named with the snapshots and paths that it costs, and noted in the log. Backups do not rely on it from then on: the next one stores again whatever the source still has. The exit code is then 4; everything else can be restored.',
    'A snapshot or a log record that is gone from the middle of a chain, and that nothing brings back, is missing to every check until an administrator accepts that: --accept-loss NAME does that and nothing else, for `log/WRITER/NUMBER` or `snap/WRITER/NUMBER`, or `all`. It shows first what is lost, tries once more to bring it back, and asks.',
    'With --dry-run it says what it would do and changes nothing. What it does not understand it leaves alone.',
  ],
  examples: [
    { command: 'holdfast repair --dry-run', what: 'what is wrong, and what can be done about it?' },
    { command: 'holdfast repair', what: 'do it' },
    { command: 'holdfast repair --from /mnt/copy/backup', what: 'with a second disk that has the same repository' },
    { command: 'holdfast repair --accept-loss all --dry-run', what: 'what is gone from the history for good?' },
  ],
  needs: ({ acceptLoss }) => (acceptLoss === undefined ? { need: 'names' } : { need: 'admin', flag: 'accept-loss' }),
  parameters: {
    flags: {
      dryRun: yes('Rehearse: say what would be done, change nothing'),
      from: text('LOCATION', 'Another copy of this repository, to fetch objects from'),
      acceptLoss: texts('NAME', 'Accept for good that this snapshot or log record is lost; `all` for each that is'),
      reason: text('TEXT', 'Why, for the log, with --accept-loss'),
      yes: yes('Do not ask, with --accept-loss'),
      structure: yes('Do not read packs: only what a check without --read-data finds'),
    },
    aliases: { n: 'dryRun' },
  },
  async run(context, flags) {
    const { runRepair } = await import('../repair-view.ts')
    return runRepair(context, flags)
  },
})
