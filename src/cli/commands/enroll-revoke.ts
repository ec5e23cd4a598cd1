import { BackupError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import { named, parsed, text, yes } from '../flags.ts'

export type RevokeFlags = {
  readonly reason?: string
  readonly from?: number
  readonly since?: number
  readonly key?: string
  readonly keepKey?: boolean
  readonly dryRun?: boolean
}

export const enrollRevoke = defineCommand<RevokeFlags, [string]>({
  name: 'enroll revoke',
  brief: 'say that what a machine signs counts no more',
  description: [
    'For a machine that was stolen, broken into or given away. From now on its snapshots are not the latest of anything, are not restored unless that is asked for, and no backup is compared with them or relies on what only that machine has stored; deletion plans and log records of it have no effect. Older snapshots of it stay as they are. The key that was made for it by `enroll approve` is removed. Takes the key of an administrator, and cannot be undone: let the machine in anew.',
    'Where it was in the wrong hands for a while, say since when: --since goes by when the store received its snapshots, --from by their number.',
  ],
  examples: [
    {
      command: "holdfast enroll revoke laptop --reason 'stolen on the train' --dry-run",
      what: 'what would it come to?',
    },
    {
      command: "holdfast enroll revoke laptop --reason 'stolen on the train'",
      what: 'nothing of it counts from now on',
    },
    {
      command: 'holdfast enroll revoke 3f9a1c --since 2026-05-01',
      what: 'nothing that the store has received since that day counts either',
    },
  ],
  needs: 'admin',
  parameters: {
    flags: {
      reason: text('TEXT', 'Why, for the log'),
      from: parsed('N', 'Snapshots from this number on do not count; `audit` shows the numbers', parseNumber),
      since: parsed(
        'TIME',
        'What the store received then or later does not count: 2026-05-01, or with a time',
        parseTime,
      ),
      key: text('KEY', 'Remove this key of the machine, by the beginning of its id'),
      keepKey: yes('Remove no key'),
      dryRun: yes('Change nothing, show what would be done'),
    },
    aliases: { n: 'dryRun' },
    positional: {
      kind: 'tuple',
      parameters: [{ placeholder: 'WRITER', brief: 'Its name, or the beginning of its id', parse: named }],
    },
  },
  async run(context, flags, writer) {
    const [{ withKeys }, { revokeMachine }] = await Promise.all([
      import('../repository.ts'),
      import('../revocation.ts'),
    ])
    const mode = flags.dryRun === true ? 'read' : 'write'
    await withKeys(context, mode, (opened) => revokeMachine(context, opened, writer, flags))
  },
})

function parseNumber(digits: string): number {
  if (!/^[1-9]\d{0,9}$/.test(digits)) throw new BackupError('usage', 'not the number of a snapshot', digits)
  return Number(digits)
}

function parseTime(time: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}/.test(time) ? Date.parse(time.length === 10 ? `${time}T00:00` : time) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new BackupError('usage', 'not a time such as 2026-05-01 or 2026-05-01T18:30', time)
}
