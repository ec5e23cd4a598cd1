// What a key slot opens with, in the words of a listing.
import { BackupError } from '../base/errors.ts'
import { kindWords, knownKind } from '../format/slot-kinds.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import { slotStanzas } from './age-header.ts'

/** `passphrase`, `age identity`; where an age file is for SSH keys alone, of which type they are: `ssh-ed25519 key`. */
export function slotWords(method: SlotMethod, subject: string): string {
  const ofKind = kindWords(knownKind(method, subject))
  if (method.kind !== 'age') return ofKind
  const types = typesOf(method.file, subject)
  return types.length > 0 && types.every((type) => SSH_TYPES.has(type)) ? `${types.join(' or ')} key` : ofKind
}

const SSH_TYPES = new Set(['ssh-ed25519', 'ssh-rsa'])

/** Each once; none of a file that cannot be read, which is for those to tell who want to open it. */
function typesOf(file: Uint8Array, subject: string): string[] {
  try {
    return [...new Set(slotStanzas(file, subject).map(({ args }) => args[0]!))].sort()
  } catch (error) {
    if (error instanceof BackupError) return []
    throw error
  }
}
