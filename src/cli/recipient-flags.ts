// The flags that say for whom a new key slot is made.
import { text, texts, yes } from './flags.ts'

export const RECIPIENT_FLAGS = {
  ageRecipient: texts(
    'RECIPIENT',
    'For an age recipient (age1..., also of a plugin), an SSH public key, or a file of them',
  ),
  sshKey: texts('FILE', 'For the SSH public key in this file (ssh-ed25519 or ssh-rsa)'),
  pkcs11Key: text('URI', 'For an RSA key on a token: pkcs11:token=NAME;object=KEY?module-path=/...'),
  tpmKey: yes('For the TPM of this machine'),
  tpmPin: yes('With --tpm-key: protect it with a PIN, asked for twice'),
  gpgKey: texts('KEY', 'For a key that gpg has: its fingerprint, id or mail address'),
} as const
