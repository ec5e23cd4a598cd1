// `holdfast domain …`: which groups share content.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { addDomain, grantDomain, PASSED_TEXTS, planNewDomain, renameDomain } from '../repo/keys/change-domains.ts'
import type { ChangedDomains } from '../repo/keys/change-domains.ts'
import { findSlotName, readSlots } from '../repo/keys/key-slots.ts'
import { domainOf } from '../repo/roles.ts'
import type { PassedSlot } from '../repo/keys/slot-renewal.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { keyId, shortKey } from './key-commands.ts'
import { slotsRemoved } from './key-records.ts'
import type { OpenedStore, UnlockedStore } from './repository.ts'
import { tableLines } from './table.ts'

export async function listDomains({ out }: Context, { unlocked }: UnlockedStore): Promise<void> {
  const { domains, reports = [] } = unlocked.bundle
  const repositoryIsPublic = unlocked.description.suite === 0
  const all = [...domains, ...reports].map(({ id, name, isPublic = repositoryIsPublic }, at) => {
    return { id: toHex(id), name, isDefault: at === 0, isPublic }
  })
  const rows = all.map(({ id, name, isDefault, isPublic }) => {
    return [`${escapeText(name)}${isDefault ? ' *' : ''}`, isPublic ? 'whoever has the store' : 'keys', id]
  })
  for (const line of tableLines([{ title: 'DOMAIN' }, { title: 'READ BY' }, { title: 'ID' }], rows)) out.line(line)
  for (const { id, name, isDefault, isPublic } of all) {
    out.record({ type: 'domain', id, name, default: isDefault, public: isPublic })
  }
}

export async function addDomainNamed(
  context: Context,
  opened: OpenedStore,
  name: string,
  { yes = false, publicData: isPublic = false }: { readonly yes?: boolean; readonly publicData?: boolean },
): Promise<void> {
  const { store, unlocked, credential } = opened
  const removed = await slotsRemoved(opened)
  if (unlocked.bundle.rootSeed !== undefined && !yes)
    refuseIfPassed(await planNewDomain(store, unlocked, { removed }), name)
  const changed = await addDomain(store, unlocked, { name, isPublic, credential, random: secureRandom, removed })
  const id = toHex(changed.bundle.domains.at(-1)!.id)
  const { slotName } = changed
  context.out.line(
    `added ${isPublic ? 'public ' : ''}domain ${escapeText(name)}; the key in use is now ${shortKey(slotName)}`,
  )
  context.out.record({ type: 'domain_change', action: 'added', id, name, public: isPublic, key: keyId(slotName) })
  tellRenewed(context, changed, 'These keys do not open it')
}

export async function renameDomainTo(context: Context, opened: OpenedStore, spec: string, name: string): Promise<void> {
  const { store, unlocked, credential } = opened
  const removed = await slotsRemoved(opened)
  const changed = await renameDomain(store, unlocked, { domain: spec, name, credential, removed })
  const id = toHex(domainOf(changed.bundle, name).id)
  context.out.line(`the domain ${escapeText(spec)} is now called ${escapeText(name)}`)
  context.out.record({ type: 'domain_change', action: 'renamed', id, name, key: keyId(changed.slotName) })
  tellRenewed(context, changed, 'These keys may know it by its old name')
}

export async function grantDomainTo(
  context: Context,
  opened: OpenedStore,
  spec: string,
  keys: readonly string[],
): Promise<void> {
  const { store, unlocked, credential } = opened
  const names = (await readSlots(store)).slots.map((slot) => slot.name)
  const slots = keys.map((key) => findSlotName(names, key))
  const removed = await slotsRemoved(opened)
  const changed = await grantDomain(store, unlocked, { domain: spec, slots, credential, removed })
  const { id, name } = domainOf(unlocked.bundle, spec)
  for (const [at, { name: old }] of changed.plan.renewed.entries()) {
    const now = shortKey(changed.names[at]!)
    context.out.line(`key ${now} has the domain ${escapeText(name)} now; its id was ${shortKey(old)} before`)
  }
  const granted = changed.names.map(keyId)
  context.out.record({ type: 'domain_change', action: 'granted', id: toHex(id), name, keys: granted })
  tellRenewed(context, changed, '')
}

/** Nobody should find out on the worst day that the sheet in the safe does not open what he takes it to open. */
function refuseIfPassed({ passed }: { readonly passed: readonly PassedSlot[] }, name: string): void {
  if (passed.length === 0) return
  const what = `other keys of administrators do not get the domain, and cannot restore what goes into it: ${passedText(passed)}`
  throw new BackupError('refused', what, name, {
    hint: 'add it with --yes, then make those keys again with `holdfast key add` and remove the old ones with `holdfast key remove`',
  })
}

function tellRenewed({ reporter }: Context, { plan }: ChangedDomains, what: string): void {
  if (plan.passed.length > 0) {
    reporter.note(`${what}: ${passedText(plan.passed)}. Make them again with \`holdfast key add\`.`)
  }
  reporter.note('Copies of key slots from before do not have the change: export them again where you keep some.')
}

export function passedText(passed: readonly PassedSlot[]): string {
  return passed.map(({ name, reason }) => `${shortKey(name)} (${PASSED_TEXTS[reason]})`).join(', ')
}
