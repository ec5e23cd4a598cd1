// Changes of keys as the commands make them, on a small repository.
import type { Credential } from '../../src/credentials/credential.ts'
import { hash } from '../../src/crypto/hash.ts'
import { destroyDomain, planDestruction } from '../../src/ops/destroy/destroy.ts'
import type { Destruction } from '../../src/ops/destroy/destroy.ts'
import { addDomain } from '../../src/repo/keys/change-domains.ts'
import { readDescriptions } from '../../src/repo/descriptions.ts'
import { readSlot } from '../../src/repo/keys/key-slots.ts'
import { removeSlot } from '../../src/repo/keys/keyring.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { unlockRepository } from '../../src/repo/open-repository.ts'
import type { UnlockedRepository } from '../../src/repo/open-repository.ts'
import { Repository } from '../../src/repo/repository.ts'
import { planRotation, rotateKeys, slotId } from '../../src/repo/rotate-keys.ts'
import type { Rotation } from '../../src/repo/rotate-keys.ts'
import { removedSlots } from '../../src/repo/history/slot-removals.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { Store } from '../../src/store/store.ts'
import type { SmallRepository } from '../damage/small-repository.ts'

export async function unlocked(store: Store, credential: Credential): Promise<UnlockedRepository> {
  return unlockRepository(store, await readDescriptions(store), credential)
}

export async function addDomainTo(made: SmallRepository, name: string, store: Store = made.store): Promise<void> {
  const { credential, random } = made
  const own = await unlocked(store, credential)
  const removed = await removedSlots(new Repository({ store, ...own }))
  await addDomain(store, own, { name, credential, random, removed })
}

/** `except` are names of slots. */
export async function rotate(
  made: Pick<SmallRepository, 'clock' | 'random'> & { readonly store: Store; readonly credential: Credential },
  { store = made.store, except = [] }: { readonly store?: Store; readonly except?: readonly string[] } = {},
): Promise<Rotation> {
  const { credential, clock, random } = made
  const own = await unlocked(store, credential)
  const readRemoved = () => removedSlots(new Repository({ store, ...own }))
  const removed = await readRemoved()
  const leavesOut = ({ copies }: { readonly copies: readonly string[] }) => copies.some((name) => except.includes(name))
  const plan = await planRotation(store, own, { removed, leavesOut })
  const approved = new Set(plan.renewed.map(({ slot }) => slotId(slot)))
  return rotateKeys(store, own, { readRemoved, approved, credential, clock, random })
}

/** As an administrator does it, with its record. */
export async function removeKey(made: SmallRepository, name: string): Promise<void> {
  const { store, state, clock, random } = made
  const repo = await made.open()
  const writer = await writerIdentity(repo, { state, clock, random, host: 'host' })
  const slot = hash((await readSlot(store, name)).publicKey)
  const beforeDeleting = async () => {
    await appendRecord(repo, { kind: 'remove-slot', slot }, { writer, clock, by: 'admin@host' })
  }
  await removeSlot(store, name, { rootPublic: repo.bundle.rootPublic, beforeDeleting })
}

/** With its records, as the command does it. */
export async function destroy(made: SmallRepository, name: string, store: Store = made.store): Promise<Destruction> {
  const { credential, clock, random } = made
  const own = await unlocked(store, credential)
  const removed = await removedSlots(new Repository({ store, ...own }))
  const destruction = await planDestruction(store, own, { domain: name, removed })
  const state = made.copyOfState()
  await destroyDomain(store, own, destruction, {
    credential,
    remove: (object) => store.delete(object),
    record: async (action, bundle) => {
      const repo = new Repository({ store, ...own, bundle })
      const writer = await writerIdentity(repo, { state, clock, random, host: 'host' })
      await appendRecord(repo, action, { writer, clock, by: 'admin@host' })
    },
  })
  return destruction
}
