// Opens age slots with all identities that are given, in the order in which they are given.
import type { Identity as LibraryIdentity } from 'age-encryption'
import { BackupError } from '../base/errors.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import { slotStanzas } from './age-header.ts'
import type { AgeIdentity } from './age-identity.ts'
import type { Unlocker } from './credential.ts'

/** `description` is for messages: `the identity /home/ann/key.txt`. */
export function ageUnlocker(identities: readonly AgeIdentity[], description: string): Unlocker {
  return {
    kind: 'age',
    description,
    mayOpen(method) {
      if (method.kind !== 'age') return false
      const stanzas = stanzasOf(method, 'key slot')
      // A slot that cannot be read is tried, so that what is wrong with it is told.
      return stanzas === null || identities.some((identity) => identity.mayOpen(stanzas))
    },
    async unwrap(method, slotName) {
      if (method.kind !== 'age') return null
      const stanzas = slotStanzas(method.file, slotName)
      let trouble: BackupError | undefined
      // One after the other: a passphrase or a touch is asked for only when those before it did not help.
      for (const identity of identities.filter((candidate) => candidate.mayOpen(stanzas))) {
        try {
          const secret = await decrypt(method.file, await identity.forLibrary(slotName), slotName)
          if (secret !== null) return secret
        } catch (error) {
          if (!(error instanceof BackupError)) throw error
          trouble ??= error
        }
      }
      if (trouble !== undefined) throw trouble
      return null
    },
  }
}

async function decrypt(
  file: Uint8Array,
  identities: readonly (string | LibraryIdentity)[],
  slotName: string,
): Promise<Uint8Array | null> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  try {
    return await decrypter.decrypt(file)
  } catch (cause) {
    if (cause instanceof BackupError) throw cause
    if (cause instanceof Error && cause.message === NO_MATCH) return null
    throw new BackupError('corrupt', 'the age file of the key slot does not open', slotName, { cause })
  }
}

/** What age-encryption says when no stanza is for any of the identities; a test sees that it still does. */
const NO_MATCH = "no identity matched any of the file's recipients"

function stanzasOf(method: Extract<SlotMethod, { kind: 'age' }>, subject: string) {
  try {
    return slotStanzas(method.file, subject)
  } catch (error) {
    if (error instanceof BackupError) return null
    throw error
  }
}
