import { defineCommand } from '../command.ts'
import { text } from '../flags.ts'
import { RECIPIENT_FLAGS } from '../recipient-flags.ts'

type KeyAddFlags = {
  readonly newKeyFile?: string
  readonly newPasswordFile?: string
  readonly ageRecipient?: readonly string[]
  readonly sshKey?: readonly string[]
  readonly gpgKey?: readonly string[]
  readonly label?: string
}

export const keyAdd = defineCommand<KeyAddFlags>({
  name: 'key add',
  brief: 'add a passphrase, a key file or the public key of somebody',
  description: [
    'Adds another passphrase, asked for twice or read from --new-password-file or HOLDFAST_NEW_PASSWORD, or with --new-key-file a key file, which is written and must not exist. Every key opens all of the repository.',
    'With --ssh-key, --age-recipient or --gpg-key it is for a public key: whoever has the private one opens the repository, with --identity or --gpg. The private key need not be here. Several recipients of age and SSH keys in one command share one key of the repository; any of them opens it.',
  ],
  examples: [
    { command: 'holdfast key add --label "Ann, on paper"', what: 'a second passphrase' },
    {
      command: 'holdfast key add --new-key-file /root/holdfast.key --label cron',
      what: 'a key file for unattended backups',
    },
    { command: 'holdfast key add --ssh-key ~/.ssh/id_ed25519.pub', what: 'your SSH key' },
    {
      command: 'holdfast key add --age-recipient age1yubikey1qwt50d... --label "YubiKey in the safe"',
      what: 'a YubiKey, by way of age-plugin-yubikey',
    },
    { command: 'holdfast key add --gpg-key ann@example.org', what: 'an OpenPGP key' },
  ],
  parameters: {
    flags: {
      newKeyFile: text('FILE', 'Write a new key file'),
      newPasswordFile: text('FILE', 'Read the new passphrase from this file'),
      ...RECIPIENT_FLAGS,
      label: text('TEXT', 'Name, shown by `key list`'),
    },
  },
  async run(context, flags) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.addKey(context, opened, flags))
  },
})
