// A slot that is made anew lies beside the old one until that is deleted, and two administrators may make it anew at the same
// time. So a credential may find several slots with its parameters: it takes the newest, and where there are two of these
// what both have, for each may have keys that the other lacks.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Bundle, Domain, OlderKeys } from '../../format/bundle.ts'
import { openKeySlot } from '../../format/key-slot.ts'
import { recipientOf } from '../../format/session-keys.ts'
import type { StoredSlot } from './key-slots.ts'

export interface OpenedCopy {
  readonly bundle: Bundle
  readonly slotName: string
}

/** `copies` are the slots with the parameters of the one that is open, which is among them. */
export function newestCopy(open: OpenedCopy, copies: readonly StoredSlot[], slotKey: Uint8Array): OpenedCopy {
  if (copies.length === 1) return open
  const sorted = copies.toSorted((a, b) => b.slot.renewals - a.slot.renewals || (a.name < b.name ? -1 : 1))
  const opened = sorted.flatMap(({ name, slot }) => {
    const bundle = name === open.slotName ? open.bundle : openOwn(slot, name)
    return bundle === undefined
      ? []
      : [{ name, renewals: slot.renewals, bundle, isSigned: slot.signature !== undefined }]
  })
  // Who shares the credential can make another slot for it; what an administrator has made goes before that.
  const signed = opened.filter(({ isSigned }) => isSigned)
  const [newest, ...others] = signed.length > 0 ? signed : opened
  if (newest === undefined) return open
  const equals = others.filter(({ renewals }) => renewals === newest.renewals)
  return {
    bundle: equals.reduce((bundle, other) => mergedBundle(bundle, other.bundle), newest.bundle),
    slotName: newest.name,
  }

  function openOwn(slot: StoredSlot['slot'], name: string): Bundle | undefined {
    const { repoId, rootPublic } = open.bundle
    try {
      const bundle = openKeySlot(slot, { slotKey, repoId }, name)
      return equalBytes(bundle.rootPublic, rootPublic) && equalBytes(bundle.repoId, repoId) ? bundle : undefined
    } catch (error) {
      if (error instanceof BackupError) return undefined
      throw error
    }
  }
}

/** All domains and all key pairs of two bundles of one holder. */
export function mergedBundle(one: Bundle, other: Bundle): Bundle {
  if (one.role !== other.role || one.reports !== undefined) return one
  const domains = one.domains.map((domain) => {
    const same = other.domains.find(({ id }) => equalBytes(id, domain.id))
    return same === undefined ? domain : mergedDomain(domain, same)
  })
  const further = other.domains.filter(({ id }) => !one.domains.some((domain) => equalBytes(domain.id, id)))
  return { ...one, domains: [...domains, ...further] }
}

/** With the newest keys of the one that knows of the other's; of two that do not know each other, of the first. */
function mergedDomain(one: Domain, other: Domain): Domain {
  const [newest, behind] = knowsKeysOf(other, one) ? [other, one] : [one, other]
  const all = new Map<string, OlderKeys>()
  for (const keys of [...(newest.older ?? []), replacedKeys(behind), ...(behind.older ?? [])]) {
    const id = toHex(keys.data)
    if (!all.has(id)) all.set(id, keys)
  }
  all.delete(toHex(recipientOf(newest.dataPublic)))
  return all.size === 0 ? newest : { ...newest, older: [...all.values()] }
}

function knowsKeysOf({ older = [] }: Domain, { dataPublic }: Domain): boolean {
  const recipient = recipientOf(dataPublic)
  return older.some(({ data }) => equalBytes(data, recipient))
}

/** The keys of a domain that are the newest now, as they are kept when others take their place. */
export function replacedKeys({ dataPublic, metaPublic, dataPrivate, metaPrivate }: Domain): OlderKeys {
  return {
    data: recipientOf(dataPublic),
    meta: recipientOf(metaPublic),
    ...(dataPrivate !== undefined && { dataPrivate }),
    ...(metaPrivate !== undefined && { metaPrivate }),
  }
}
