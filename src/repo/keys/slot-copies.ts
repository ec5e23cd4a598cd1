// Copies of key slots outside of the store, still sealed: for the day on which the store has lost its own.
import { BackupError, doing } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { decodeKeySlot, KEY_SLOT_SIZE_MAX } from '../../format/key-slot.ts'
import { keySlotName } from '../../format/names.ts'
import { knownKind } from '../../format/slot-kinds.ts'
import type { Store } from '../../store/store.ts'
import { readSlots, SLOTS_MAX } from './key-slots.ts'
import { getNamedByHash } from '../objects/named-object.ts'

/** The bytes of a slot that is sound as far as can be seen without its key. */
export async function copyOfSlot(store: Store, name: string): Promise<Uint8Array> {
  const bytes = await doing('reading the key slot', name, () => getNamedByHash(store, name))
  decodeKeySlot(bytes, name)
  return bytes
}

/**
 * Puts a copy back, under the name that its bytes have; `exists` when the store has it. Whether it belongs to the
 * repository shows when it is opened. `subject` is where the copy comes from.
 */
export async function putCopyOfSlot(store: Store, bytes: Uint8Array, subject: string): Promise<string> {
  if (bytes.length > KEY_SLOT_SIZE_MAX) throw new BackupError('usage', 'this is too large for a key slot', subject)
  knownKind(decodeKeySlot(bytes, subject).method, subject)
  const { slots, problems } = await readSlots(store)
  const name = keySlotName(hash(bytes))
  if (slots.some((slot) => slot.name === name)) throw new BackupError('exists', 'the store has this key slot', name)
  if (slots.length + problems.length >= SLOTS_MAX) {
    throw new BackupError('limit', `the repository has ${slots.length + problems.length} key slots`, store.location)
  }
  // A damaged one of this name would stay: names are never overwritten.
  await doing('writing the key slot', name, () => store.put(name, [bytes]))
  await copyOfSlot(store, name)
  return name
}
