// A new domain: its secrets are made, and the key slot of the credential in use is made again with them in it. Nothing else
// in a repository knows of a domain until something is stored in it.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { BackupError, doing, wrap } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { hash } from '../crypto/hash.ts'
import { wipe } from '../crypto/wipe.ts'
import { slotKeyOf } from '../credentials/credential.ts'
import type { Credential } from '../credentials/credential.ts'
import { DOMAINS_MAX, encodeBundle } from '../format/bundle.ts'
import type { Bundle } from '../format/bundle.ts'
import { encodeKeySlot, openKeySlot, openSlotDetail, openSlotLabel } from '../format/key-slot.ts'
import { keySlotName } from '../format/names.ts'
import { SHORT_TEXT_MAX } from '../format/snapshot-body.ts'
import type { Store } from '../store/store.ts'
import { readSlot, readSlots } from './key-slots.ts'
import type { Unlocked } from './keyring.ts'
import { newDomain } from './new-bundle.ts'

/** Names of the other key slots of administrators: they do not get a domain that is added now. */
export async function otherAdminSlots(store: Store, slotName: string): Promise<string[]> {
  const { slots } = await readSlots(store)
  return slots.filter(({ name, slot }) => name !== slotName && slot.role === 'admin').map(({ name }) => name)
}

/**
 * Adds a domain for the credential in use, whose slot is replaced: the new one is put and read back before the old one is
 * removed. Gives the bundle and the name of the slot. Throws `wrong-key` unless it is an administrator's, `exists` for a name
 * that is taken, `limit`.
 */
export async function addDomain(
  store: Store,
  { bundle, slotName }: Pick<Unlocked, 'bundle' | 'slotName'>,
  {
    name,
    credential,
    random,
  }: { readonly name: string; readonly credential: Credential; readonly random: SecureRandom },
): Promise<{ readonly bundle: Bundle; readonly slotName: string }> {
  checkMayAdd(bundle, name)
  const extended: Bundle = { ...bundle, domains: [...bundle.domains, newDomain(random, name)] }
  return { bundle: extended, slotName: await replaceSlot(store, { bundle, slotName }, extended, credential) }
}

function checkMayAdd({ role, rootSeed, domains }: Bundle, name: string): void {
  if (role !== 'admin' || rootSeed === undefined) {
    throw new BackupError('wrong-key', `a key with the role ${role} cannot add a domain`, name, {
      hint: 'open the repository with the key of an administrator',
    })
  }
  if (name === '' || Buffer.byteLength(name) > SHORT_TEXT_MAX) {
    throw new BackupError('usage', `the name of a domain has 1 to ${SHORT_TEXT_MAX} bytes`, name)
  }
  if (domains.some((domain) => domain.name === name)) {
    throw new BackupError('exists', 'there is a domain of this name', name, { hint: 'choose another name' })
  }
  if (domains.length >= DOMAINS_MAX) throw new BackupError('limit', `there are ${domains.length} domains`, name)
}

/** The same slot, with its kind, parameters, label and age, for another bundle. */
async function replaceSlot(
  store: Store,
  { bundle: old, slotName }: Pick<Unlocked, 'bundle' | 'slotName'>,
  bundle: Bundle,
  credential: Credential,
): Promise<string> {
  const slot = await doing('reading the key slot', slotName, () => readSlot(store, slotName))
  const { method, created, suite } = slot
  const label = openSlotLabel(slot, old, slotName) ?? ''
  const detail = openSlotDetail(slot, old, slotName) ?? ''
  const slotKey = await slotKeyOf(credential, method, slotName)
  assert(slotKey !== null, 'a credential opens the slot that it has opened')
  // That it opens the old slot proves the key; a slip of memory here would lock the owner out.
  openKeySlot(slot, { slotKey, repoId: bundle.repoId }, slotName)
  const bytes = encodeKeySlot(
    { method, bundle, maker: bundle, created, label, detail },
    { slotKey, repoId: bundle.repoId, suite },
  )
  const name = keySlotName(hash(bytes))
  await doing('writing the key slot', name, () => store.put(name, [bytes]))
  await doing('reading the key slot back', name, async () => {
    const opened = encodeBundle(openKeySlot(await readSlot(store, name), { slotKey, repoId: bundle.repoId }, name))
    const wanted = encodeBundle(bundle)
    const same = equalBytes(opened, wanted)
    wipe(slotKey, opened, wanted)
    if (!same) throw new BackupError('corrupt', 'the key slot holds something else than was put into it', name)
  })
  try {
    await store.delete(slotName)
  } catch (cause) {
    throw wrap('the domain is there, but the key slot without it is still there too: removing', slotName, cause)
  }
  return name
}
