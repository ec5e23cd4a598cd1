import { defineCommand } from '../command.ts'
import type { ShareNumbers } from '../../credentials/shares.ts'
import type { Role } from '../../format/bundle.ts'
import { oneOf, parsed, text, texts, yes } from '../flags.ts'
import { RECIPIENT_FLAGS } from '../recipient-flags.ts'

const ROLES = ['admin', 'read', 'maintain', 'report', 'write'] as const satisfies readonly Role[]

type KeyAddFlags = {
  readonly newKeyFile?: string
  readonly newPasswordFile?: string
  readonly ageRecipient?: readonly string[]
  readonly sshKey?: readonly string[]
  readonly gpgKey?: readonly string[]
  readonly pkcs11Key?: string
  readonly tpmKey?: boolean
  readonly tpmPin?: boolean
  readonly recoverySheet?: string
  readonly shares?: ShareNumbers
  readonly sheets?: string
  readonly text?: boolean
  readonly printLocation?: boolean
  readonly allOf?: boolean
  readonly require?: number
  readonly label?: string
  readonly role?: Role
  readonly domain?: readonly string[]
}

export const keyAdd = defineCommand<KeyAddFlags>({
  name: 'key add',
  brief: 'add a passphrase, a key file, a sheet of paper or the public key of somebody',
  description: [
    'Adds another passphrase, asked for twice or read from --new-password-file or HOLDFAST_NEW_PASSWORD, or with --new-key-file a key file, which is written and must not exist. Every key opens all of the repository, unless --role says otherwise.',
    'With --role the key is for somebody who may do less: `read` restores; `maintain` sees names and trees, and cannot read files; `report` sees when backups were made and how large they are. To make backups with such a key the machine has to be let in, with `holdfast enroll`, and so has one that shall only `write`.',
    'With --ssh-key, --age-recipient or --gpg-key it is for a public key: whoever has the private one opens the repository, with --identity or --gpg. The private key need not be here. Several recipients of age and SSH keys in one command share one key of the repository; any of them opens it.',
    'With --recovery-sheet a new key is printed on a sheet, as 24 words and a QR code, to be opened with --recovery-words. With --shares 3/5 it is divided among five sheets, of which any three open it with --share and two tell nothing. Sheets are PDF or text; an existing file is not overwritten.',
    'With --pkcs11-key it is for an RSA key on a token, with --tpm-key for the TPM of this machine. Both are asked to open it before it is added.',
    'With --all-of the keys that are named are needed together, with --require K any K of them; --together opens with them. A new passphrase is one of them when it is given, or when only one other is named.',
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
    { command: 'holdfast key add --recovery-sheet sheet.pdf --print-location', what: 'for the safe' },
    { command: 'holdfast key add --shares 3/5 --sheets shares --label family', what: 'any three of five people' },
    { command: 'holdfast key add --all-of --new-key-file /media/usb/holdfast.key', what: 'a passphrase and a stick' },
  ],
  needs: null,
  parameters: {
    flags: {
      newKeyFile: text('FILE', 'Write a new key file'),
      newPasswordFile: text('FILE', 'Read the new passphrase from this file'),
      ...RECIPIENT_FLAGS,
      recoverySheet: text('FILE', 'Print a new key on a sheet: a .pdf, a .txt, or - for standard output'),
      shares: parsed('K/N', 'Divide a new key among N sheets, of which any K open it', parseShareNumbers),
      sheets: text('FOLDER', 'With --shares: where the sheets are written, or - for standard output'),
      text: yes('With --shares: write text instead of PDF'),
      printLocation: yes('Print on the sheets where the repository is'),
      allOf: yes('The new keys named here open it together only'),
      require: parsed('K', 'Any K of the new keys named here open it together', parseCount),
      label: text('TEXT', 'Name, shown by `key list`'),
      role: oneOf(ROLES, 'What whoever has it may do'),
      domain: texts('DOMAIN', 'Only for this domain of the repository; all of them unless given'),
    },
  },
  async run(context, flags) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.addKey(context, opened, flags))
  },
})

function parseCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new Error(`${text} is not a number of keys`)
  return Number(text)
}

function parseShareNumbers(text: string): ShareNumbers {
  const match = /^(\d{1,3})\/(\d{1,3})$/.exec(text)
  if (match === null) throw new Error(`${text} is not of the form 3/5: how many are needed, how many there are`)
  return { threshold: Number(match[1]), count: Number(match[2]) }
}
