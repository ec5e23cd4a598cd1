// What administrators do with keys is written into the log of the repository, and read from there.
import { hostname } from 'node:os'
import { secureRandom } from '../base/random.ts'
import { hash } from '../crypto/hash.ts'
import type { Bundle } from '../format/bundle.ts'
import { isSignedBy } from '../format/key-slot.ts'
import type { KeySlot } from '../format/key-slot.ts'
import type { LogAction } from '../format/log-record.ts'
import { removeSlot } from '../repo/keys/keyring.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import { Repository } from '../repo/repository.ts'
import { checkNeed } from '../repo/roles.ts'
import { removedSlots } from '../repo/history/slot-removals.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { Context } from './context.ts'
import { whoWorks } from './history.ts'
import type { UnlockedStore } from './repository.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'

/** Adds a record; `bundle` where that is another one than was opened. */
export async function recordKeyAction(
  context: Context,
  { store, unlocked }: UnlockedStore,
  action: LogAction,
  bundle: Bundle = unlocked.bundle,
): Promise<void> {
  const repo = new Repository({ store, ...unlocked, bundle })
  const { clock } = context
  const state = openStateFolder(stateFolder(context.env))
  const writer = await writerIdentity(repo, { state, clock, random: secureRandom, host: hostname() })
  await appendRecord(repo, action, { writer, clock, by: whoWorks(context) })
}

/** That a slot is removed, where the credential in use may say so: keys that are made later do not get into it then. */
export async function recordRemoval(context: Context, opened: UnlockedStore, slot: KeySlot): Promise<void> {
  if (opened.unlocked.bundle.rootSeed === undefined) return
  await recordKeyAction(context, opened, { kind: 'remove-slot', slot: hash(slot.publicKey) })
}

/**
 * Removes a slot, which is recorded first. Throws `wrong-key` for one that an administrator has made, unless it is the one in
 * use: whoever may do less would lock others out.
 */
export function removeSlotOf(context: Context, opened: UnlockedStore, name: string): Promise<void> {
  const { slotName: inUse, bundle } = opened.unlocked
  const beforeDeleting = (slot: KeySlot) => {
    if (name !== inUse && isSignedBy(slot, bundle.rootPublic)) {
      const what = 'removing a key that an administrator has made'
      checkNeed(bundle.role, { need: 'admin', what, location: opened.store.location })
    }
    return recordRemoval(context, opened, slot)
  }
  return removeSlot(opened.store, name, { inUse, rootPublic: bundle.rootPublic, beforeDeleting })
}

/** Of an administrator's repository. */
export async function slotsRemoved({ store, unlocked }: UnlockedStore): Promise<ReadonlySet<string>> {
  return unlocked.bundle.rootSeed === undefined ? new Set() : removedSlots(new Repository({ store, ...unlocked }))
}
