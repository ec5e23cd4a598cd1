// The flags that say for whom a new key slot is made.
import { texts } from './flags.ts'

export const RECIPIENT_FLAGS = {
  ageRecipient: texts(
    'RECIPIENT',
    'For an age recipient (age1..., also of a plugin), an SSH public key, or a file of them',
  ),
  sshKey: texts('FILE', 'For the SSH public key in this file (ssh-ed25519 or ssh-rsa)'),
  gpgKey: texts('KEY', 'For a key that gpg has: its fingerprint, id or mail address'),
} as const
