// `holdfast domain …`: which groups share content.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { addDomain, otherAdminSlots } from '../repo/add-domain.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { keyId, shortKey } from './key-commands.ts'
import type { OpenedStore, UnlockedStore } from './repository.ts'
import { tableLines } from './table.ts'

export async function listDomains({ out }: Context, { unlocked }: UnlockedStore): Promise<void> {
  const { domains, reports = [] } = unlocked.bundle
  const all = [...domains, ...reports].map(({ id, name }, at) => ({ id: toHex(id), name, isDefault: at === 0 }))
  const rows = all.map(({ id, name, isDefault }) => [`${escapeText(name)}${isDefault ? ' *' : ''}`, id])
  for (const line of tableLines([{ title: 'DOMAIN' }, { title: 'ID' }], rows)) out.line(line)
  for (const { id, name, isDefault } of all) out.record({ type: 'domain', id, name, default: isDefault })
}

export async function addDomainNamed(
  context: Context,
  { store, unlocked, credential }: OpenedStore,
  name: string,
  { yes = false }: { readonly yes?: boolean },
): Promise<void> {
  const others = await otherAdminSlots(store, unlocked.slotName)
  if (others.length > 0 && !yes) {
    const keys = others.map(shortKey).join(', ')
    const what = `other keys of administrators do not get the domain, and cannot restore what goes into it: ${keys}`
    throw new BackupError('refused', what, name, {
      hint: 'add it with --yes, then make those keys again with `holdfast key add` and remove the old ones with `holdfast key remove`',
    })
  }
  const { bundle, slotName } = await addDomain(store, unlocked, { name, credential, random: secureRandom })
  const id = toHex(bundle.domains.at(-1)!.id)
  context.out.line(`added domain ${escapeText(name)}; the key in use is now ${shortKey(slotName)}`)
  context.out.record({ type: 'domain_change', action: 'added', id, name, key: keyId(slotName) })
  const { reporter } = context
  if (others.length > 0) {
    reporter.note(
      `These keys do not open it: ${others.map(shortKey).join(', ')}. Make them again with \`holdfast key add\`.`,
    )
  }
  reporter.note(
    'Copies of the key slot from before do not have the domain either: export it again where you keep some.',
  )
}
