import type { RuleFlags } from '../backup-rules.ts'
import type { FilePolicyFlags } from '../file-policy.ts'
import { defineCommand } from '../command.ts'
import { PACK_TRUSTS } from '../../repo/index/pack-trust.ts'
import type { PackTrust } from '../../repo/index/pack-trust.ts'
import { named, oneOf, parsed, text, texts, yes } from '../flags.ts'
import { parseSize } from '../units.ts'

export type BackupFlags = RuleFlags &
  FilePolicyFlags & {
    readonly set?: string
    readonly tag?: readonly string[]
    readonly description?: string
    readonly keepUntil?: string
    readonly destroyBy?: string
    readonly host?: string
    readonly parent?: string
    readonly domain?: string
    readonly trust?: PackTrust
    readonly compression?: readonly string[]
    readonly heal?: boolean
  }

export const backup = defineCommand<BackupFlags, string[]>({
  name: 'backup',
  brief: 'back up files and folders',
  description: [
    'Stores each DIR (or file) as a new snapshot. What an earlier snapshot or another file has already is not stored again; files whose time, size and inode did not change are not read again.',
    'With no repository configured one is created in the user data folder: the passphrase is asked for twice, or taken from HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND.',
    'Files that cannot be read are named, the rest is stored, the snapshot is marked partial and the exit code is 3. A backup that was interrupted leaves nothing half done; the next one reuses what is stored.',
  ],
  examples: [
    { command: 'holdfast backup ~/photos', what: 'the first backup and every one after it' },
    { command: "holdfast backup / --one-file-system --exclude '/var/cache/**' --tag weekly", what: 'a whole machine' },
    {
      command: "holdfast backup /srv --rule '+/log/$' --rule '-\\.log$'",
      what: 'ordered rules: the first that matches decides',
    },
    { command: 'holdfast backup --set home', what: 'what the configuration calls `home`' },
    {
      command: "holdfast backup /var/lib/libvirt --fixed-blocks '64k=*.qcow2'",
      what: 'images that change a few blocks at a time',
    },
    {
      command: "holdfast backup /srv --compression zstd:9 --compression 'none=*.mp4' --compression 'xz,min=1M=*.log'",
      what: 'compress harder, films not at all, long logs as far as it goes',
    },
    { command: 'holdfast backup --heal ~/photos', what: 'after a check has found damage' },
    {
      command: "holdfast backup /srv --compare '/ledger/**' --distrust 'all=/ledger/**'",
      what: 'reads these files and what is stored of them, every time',
    },
  ],
  needs: ({ compare }) => (compare === undefined ? { need: 'backup' } : { need: 'files', flag: 'compare' }),
  parameters: {
    flags: {
      set: text('NAME', 'Back up this source set of the configuration (the one named `default` when no DIR is given)'),
      exclude: texts('GLOB', 'Leave out what matches, as in .gitignore'),
      excludeFile: texts('FILE', 'Read such patterns from a file'),
      rule: texts('RULE', 'Ordered rule: + or - and a regular expression on the path; the first that matches decides'),
      ruleFile: texts('FILE', 'Read such rules from a file'),
      ignoreFile: texts('NAME', 'Files of this name in the sources hold patterns for their folder, such as .gitignore'),
      excludeIfPresent: texts('NAME', 'Leave out folders that hold an entry of this name'),
      excludeCaches: yes('Leave out folders with a CACHEDIR.TAG'),
      excludeLargerThan: parsed('SIZE', 'Leave out files larger than this', parseSize),
      oneFileSystem: yes('Stay on the file system of each DIR'),
      tag: texts('TAG', 'Mark the snapshot'),
      description: text('TEXT', 'Say what the snapshot is about'),
      keepUntil: text('TIME', 'Not to be forgotten before: 2030-01-01, or 90d, 6m, 10y from now'),
      destroyBy: text('TIME', 'To be forgotten in time to be gone by then'),
      host: text('NAME', 'Say another host name than that of this machine'),
      reread: yes('Read every file, also those that did not change by their times'),
      domain: text('NAME', 'Domain the snapshot goes to; the first one of the key unless given'),
      trust: oneOf(
        PACK_TRUSTS,
        'On whose packs to rely instead of storing the same again: of `all` (the default), or its own and attested ones',
      ),
      parent: text(
        'SNAPSHOT',
        'Compare with this snapshot instead of the last of the same sources; `none` reads everything',
      ),
      compression: texts(
        'METHOD[=GLOB]',
        'How to compress: none, lz4, zstd:LEVEL, xz:LEVEL, or auto (the default); with a GLOB only the files that match, `METHOD,min=SIZE=GLOB` those of at least SIZE',
      ),
      heal: yes('Store again what checks on this machine have found damaged, as far as the sources still have it'),
      ignoreCtime: yes('A changed inode time alone does not make a file changed'),
      ignoreInode: yes('A changed inode number alone does not make a file changed'),
      distrust: texts(
        'WHAT=GLOB',
        'Do not rely on ctime, mtime or inode of the files that match; `all` reads them every time',
      ),
      fixedBlocks: texts(
        'SIZE=GLOB',
        'Cut the files that match every SIZE bytes instead of by their content: images of disks, databases',
      ),
      compare: texts(
        'GLOB',
        'Compare the files that match with what is stored, byte for byte, instead of trusting their hash',
      ),
    },
    aliases: { e: 'exclude', x: 'oneFileSystem', t: 'tag', s: 'set' },
    positional: { kind: 'array', parameter: { placeholder: 'DIR', brief: 'What to back up', parse: named } },
  },
  async run(context, flags, ...paths) {
    const { runBackupCommand } = await import('../backup-command.ts')
    return runBackupCommand(context, flags, paths)
  },
})
