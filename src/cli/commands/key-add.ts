import { defineCommand } from '../command.ts'
import { text } from '../flags.ts'

export const keyAdd = defineCommand<{ newKeyFile?: string; newPasswordFile?: string; label?: string }>({
  name: 'key add',
  brief: 'add a passphrase or a key file',
  description: [
    'Adds another passphrase, asked for twice or read from --new-password-file or HOLDFAST_NEW_PASSWORD, or with --new-key-file a key file, which is written and must not exist. Every key opens all of the repository.',
  ],
  examples: [
    { command: 'holdfast key add --label "Ann, on paper"', what: 'a second passphrase' },
    {
      command: 'holdfast key add --new-key-file /root/holdfast.key --label cron',
      what: 'a key file for unattended backups',
    },
  ],
  parameters: {
    flags: {
      newKeyFile: text('FILE', 'Write a new key file'),
      newPasswordFile: text('FILE', 'Read the new passphrase from this file'),
      label: text('TEXT', 'Name, shown by `key list`'),
    },
  },
  async run(context, flags) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.addKey(context, opened, flags))
  },
})
