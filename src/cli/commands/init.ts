import { defineCommand } from '../command.ts'
import { type Cipher, CIPHERS } from '../../crypto/ciphers.ts'
import { oneOf, parsed, text, yes } from '../flags.ts'
import { RECIPIENT_FLAGS } from '../recipient-flags.ts'
import { parseParity } from '../units.ts'

type InitFlags = {
  readonly newKeyFile?: string
  readonly ageRecipient?: readonly string[]
  readonly sshKey?: readonly string[]
  readonly gpgKey?: readonly string[]
  readonly pkcs11Key?: string
  readonly tpmKey?: boolean
  readonly tpmPin?: boolean
  readonly label?: string
  readonly cipher?: Cipher
  readonly publicData?: boolean
  readonly parity?: number
  readonly parityOfMetadata?: number
}

export const init = defineCommand<InitFlags>({
  name: 'init',
  brief: 'create a repository',
  description: [
    'Creates an encrypted repository at --repo (by default in the user data folder). Its passphrase is taken from where every command takes it, or asked for twice. With --new-key-file a key file is written and opens the repository instead of a passphrase; an existing one is used with --key-file. With --ssh-key, --age-recipient or --gpg-key the repository is for a public key; see `holdfast key add`.',
    'Without its passphrase or key nobody can read the repository, not even its authors. Keep a copy of it apart from this machine.',
    'A repository in a folder has parity, from which `holdfast repair` makes good what a disk has lost: 1.5% of the size of packs of content, 10% of that of packs of metadata, and second copies of what is small. It makes good a stretch of that size, and single sectors here and there; --parity and --parity-of-metadata choose other shares.',
    'The cipher is chosen here and stays. aes-256-gcm suits nearly every machine; chacha20-poly1305 is faster on those whose processor has no instructions for AES. With none nothing is encrypted: names and content can be read by whoever has the store, and are only protected against changes. Because that is right for public data alone, it takes --public-data as well.',
  ],
  examples: [
    { command: 'holdfast init --repo /mnt/disk/backup', what: 'on a removable disk' },
    {
      command: 'holdfast init --repo /mnt/disk/backup --new-key-file ~/holdfast.key',
      what: 'for a machine that backs up unattended',
    },
    {
      command: 'holdfast init --repo /srv/mirror --cipher none --public-data',
      what: 'for what everybody may read: changes are noticed, nothing is hidden',
    },
  ],
  needs: null,
  parameters: {
    flags: {
      newKeyFile: text('FILE', 'Write a new key file and use it instead of a passphrase'),
      ...RECIPIENT_FLAGS,
      label: text('TEXT', 'Name of the first key, shown by `key list`'),
      parity: parsed(
        'SHARE',
        'Parity of content, such as 5% (1.5% unless given); none for no parity at all',
        parseParity,
      ),
      parityOfMetadata: parsed('SHARE', 'Parity of metadata (10% unless given); 100% is a second copy', parseParity),
      cipher: oneOf(CIPHERS, 'How content and names are encrypted (aes-256-gcm unless given)'),
      publicData: yes('Say that everybody may read what is backed up: needed for --cipher none'),
    },
  },
  async run(context, flags) {
    const { initRepository } = await import('../creation.ts')
    await initRepository(context, flags)
  },
})
