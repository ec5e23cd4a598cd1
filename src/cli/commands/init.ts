import { defineCommand } from '../command.ts'
import { text } from '../flags.ts'

type InitFlags = {
  readonly newKeyFile?: string
  readonly label?: string
}

export const init = defineCommand<InitFlags>({
  name: 'init',
  brief: 'create a repository',
  description: [
    'Creates an encrypted repository at --repo (by default in the user data folder). Its passphrase is taken from where every command takes it, or asked for twice. With --new-key-file a key file is written and opens the repository instead of a passphrase; an existing one is used with --key-file.',
    'Without the passphrase or the key file nobody can read the repository, not even its authors. Keep a copy of it apart from this machine.',
  ],
  examples: [
    { command: 'holdfast init --repo /mnt/disk/backup', what: 'on a removable disk' },
    {
      command: 'holdfast init --repo /mnt/disk/backup --new-key-file ~/holdfast.key',
      what: 'for a machine that backs up unattended',
    },
  ],
  parameters: {
    flags: {
      newKeyFile: text('FILE', 'Write a new key file and use it instead of a passphrase'),
      label: text('TEXT', 'Name of the first key, shown by `key list`'),
    },
  },
  async run(context, flags) {
    const { initRepository } = await import('../creation.ts')
    await initRepository(context, flags)
  },
})
