import { defineCommand } from '../command.ts'
import { parsed, yes } from '../flags.ts'
import { parseShare, parseShareOrNone, parseSize } from '../units.ts'

export type PruneFlags = {
  readonly dryRun?: boolean
  readonly wait?: boolean
  readonly maxUnused?: number
  readonly maxRepack?: number
  readonly reencrypt?: boolean
  readonly repackSmall?: boolean
  readonly maxRemoved?: number
  readonly allowMissing?: boolean
}

export const prune = defineCommand<PruneFlags>({
  name: 'prune',
  brief: 'give back the space of what no snapshot needs',
  description: [
    'Deletes what no snapshot needs any more, among those in the trash too. Backups and other prunes may run at any time, on any machine. What goes is written down first; it is deleted once every backup that was under way then has ended, which a later prune finishes if this one does not stay with --wait.',
    'It stops before anything is deleted when a snapshot or a part of the index cannot be read, when content is lost that snapshots need, or when more would go than --max-removed says.',
    'A key with the role maintain is enough: what is needed is copied as it is sealed.',
    'With --reencrypt, what was stored before the last `key rotate` is stored anew under the newest keys, and what was there is deleted as anything else: whoever has the older keys alone can read it no more. All of it is read and written, so look at --dry-run first. It can be stopped, and done in parts with --max-repack: the next run goes on. It takes the key of an administrator.',
  ],
  examples: [
    { command: 'holdfast prune --dry-run', what: 'what it would free, and what that would cost' },
    { command: 'holdfast prune', what: 'after a `forget`, or once a day' },
    { command: 'holdfast prune --max-unused 0% --repack-small', what: 'free all there is, whatever it costs' },
    { command: 'holdfast prune --reencrypt --dry-run', what: 'what it would cost to encrypt old data anew' },
    { command: 'holdfast prune --reencrypt --max-repack 100G', what: 'do a part of that' },
    { command: 'holdfast prune --wait', what: 'stay until the last backup has ended' },
  ],
  needs: ({ reencrypt }) => (reencrypt === true ? { need: 'admin', flag: 'reencrypt' } : { need: 'upkeep' }),
  parameters: {
    flags: {
      dryRun: yes('Tell what would be done and change nothing'),
      wait: yes('Stay until everything is deleted that can be, instead of leaving it to the next prune'),
      maxUnused: parsed(
        'SHARE',
        'Leave so much of what nobody needs in packs that are needed, such as 5% (the default) or 0%',
        parseShareOrNone,
      ),
      maxRepack: parsed('SIZE', 'Copy at most so much, such as 20G', parseSize),
      reencrypt: yes('Store anew under the newest keys what was stored before `key rotate`'),
      repackSmall: yes('Merge small packs, so that there are fewer'),
      maxRemoved: parsed('SHARE', 'Go on if so much of what is stored would be deleted; 30% unless given', parseShare),
      allowMissing: yes('Go on although snapshots are missing without a reason, or content that snapshots need'),
    },
    aliases: { n: 'dryRun' },
  },
  async run(context, flags) {
    const { runPrune } = await import('../prune-command.ts')
    return runPrune(context, flags)
  },
})
