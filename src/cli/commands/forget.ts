import { defineCommand } from '../command.ts'
import { named, text, texts, yes } from '../flags.ts'
import { RETENTION_FLAGS } from '../retention-flags.ts'
import type { RetentionFlags } from '../retention-flags.ts'

export type ForgetFlags = RetentionFlags & {
  readonly dryRun?: boolean
  readonly allowUnusual?: boolean
  readonly reason?: string
  readonly host?: string
  readonly tag?: readonly string[]
  readonly source?: string
  readonly path?: readonly string[]
  readonly damaged?: boolean
}

export const forget = defineCommand<ForgetFlags, string[]>({
  name: 'forget',
  brief: 'remove old snapshots by policy, or single ones by name',
  description: [
    'Without arguments the policy of the repository decides (`holdfast policy set`), with --keep flags these do, just this once. Each SNAPSHOT named is forgotten as it is. What some rule keeps stays; the newest of each group always does. --dry-run draws a calendar and says of each snapshot why it stays or goes.',
    'Forgotten snapshots lie in the trash for some days, 7 unless the policy says another number, and `holdfast trash recall` brings them back until then; the next run purges what is older. Their space is freed by pruning after that.',
    'With --path the snapshots stay, without these files or folders: each one that has them is made anew, with its time, host and tags, and the old one goes to the trash. Purge the trash and prune, and what only they had is gone. It takes the key of an administrator.',
    'A snapshot that cannot be read, and that `holdfast repair` does not make good, keeps prunes from running. With --damaged it is forgotten by the name of its object as `holdfast check` shows it, by WRITER/NUMBER, or by the beginning of its id. It is read several times before that. What it needed cannot be told any more, so the next prune deletes what nothing else needs.',
    'Rules go by the time at which the store received a snapshot, and by groups of one writer: a machine with a wrong clock, another name, or too many snapshots pushes out nothing of others. What is partial or unconfirmed pushes out nothing at all. A run that would remove unusually much stops with exit code 9.',
  ],
  examples: [
    { command: 'holdfast forget --dry-run', what: 'what would the policy remove, and why?' },
    {
      command: 'holdfast forget --keep-daily 14 --keep-weekly 8 --keep-monthly all',
      what: 'by these rules, this once',
    },
    { command: 'holdfast forget --keep-daily 14/2', what: 'one of every two days, fourteen of them' },
    { command: 'holdfast forget 1f2e3d4c', what: 'one snapshot' },
    { command: 'holdfast forget --path ~/work/secret.txt', what: 'one file, out of all snapshots' },
  ],
  needs: ({ path }) => (path === undefined ? { need: 'upkeep' } : { need: 'admin', flag: 'path' }),
  parameters: {
    flags: {
      dryRun: yes('Only show what would stay and what would go, and why'),
      ...RETENTION_FLAGS,
      host: text('NAME', 'Look only at snapshots of this host'),
      tag: texts('TAG', 'Look only at snapshots with this tag'),
      source: text('PATH', 'Look only at snapshots that hold this path'),
      path: texts('PATH', 'Keep the snapshots, all or those named, and leave this path out of them'),
      damaged: yes('Forget snapshots that cannot be read, by name'),
      allowUnusual: yes('Go on where more than usual would be removed'),
      reason: text('TEXT', 'Why, for the log'),
    },
    aliases: { n: 'dryRun' },
    positional: { kind: 'array', parameter: { placeholder: 'SNAPSHOT', brief: 'Snapshots to forget', parse: named } },
  },
  async run(context, flags, ...specs) {
    const { runForget } = await import('../forget-command.ts')
    return runForget(context, flags, specs)
  },
})
