// `holdfast key …`: what opens the repository.
import { rmSync } from 'node:fs'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import type { NewCredential } from '../credentials/credential.ts'
import { addSlot, changePassphrase, type NewSlot } from '../repo/keys/keyring.ts'
import { findSlotName, listSlots, readSlots } from '../repo/keys/key-slots.ts'
import type { SlotInfo } from '../repo/keys/key-slots.ts'
import type { Bundle } from '../format/bundle.ts'
import { checkNeed, restrictBundle, ROLE_TEXTS } from '../repo/roles.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { jsonTime } from './json-lines.ts'
import { recordRemoval, removeSlotOf } from './key-records.ts'
import { rememberRoot } from './known-roots.ts'
import { areTogether, checkNewKeys, newCredential, newPassphrase, type NewKeyFlags } from './new-keys.ts'
import type { UnlockedStore } from './repository.ts'
import { newSheets } from './sheets/new-sheets.ts'
import { costOfNew } from './slot-cost.ts'
import { tableLines } from './table.ts'
import { formatLocalTime } from './units.ts'

export async function listKeys({ out }: Context, { store, unlocked }: UnlockedStore): Promise<void> {
  const { slots } = await listSlots(store, unlocked.bundle, unlocked.description)
  const withRecipients = slots.some(({ detail }) => detail !== '')
  const withNotes = slots.some((slot) => noteOn(slot) !== '')
  const rows = slots.map((slot) => [
    `${shortKey(slot.name)}${slot.name === unlocked.slotName ? ' *' : ''}`,
    slot.words,
    slot.role,
    formatLocalTime(slot.created),
    ...(withNotes ? [noteOn(slot)] : []),
    escapeText(slot.label ?? ''),
    ...(withRecipients ? [recipientsOf(slot.detail).map(escapeText).join(', ')] : []),
  ])
  const notes = withNotes ? ['NOTE'] : []
  const titles = ['KEY', 'KIND', 'ROLE', 'CREATED', ...notes, 'LABEL', ...(withRecipients ? ['FOR'] : [])]
  for (const line of tableLines(
    titles.map((title) => ({ title })),
    rows,
  ))
    out.line(line)
  for (const { name, kind, role, created, label, detail, isRenewable, hasNewestKeys } of slots) {
    const inUse = name === unlocked.slotName
    const about = { id: keyId(name), kind, role, created: jsonTime(created), label, in_use: inUse }
    const recipients = recipientsOf(detail)
    const known = { renewable: isRenewable, ...(hasNewestKeys !== undefined && { newest_keys: hasNewestKeys }) }
    out.record({ type: 'key', ...about, ...(recipients.length > 0 && { recipients }), ...known })
  }
}

function noteOn({ isRenewable, hasNewestKeys }: SlotInfo): string {
  if (!isRenewable) return 'own'
  return hasNewestKeys === false ? 'older keys' : ''
}

/** What a slot says of its recipients, one on each line. */
export function recipientsOf(detail: string | null): string[] {
  return (detail ?? '').split('\n').filter((line) => line !== '')
}

export async function addKey(context: Context, { store, unlocked }: UnlockedStore, flags: NewKeyFlags): Promise<void> {
  const label = flags.label ?? ''
  const place = { repoId: unlocked.description.repoId, location: store.location, label, together: areTogether(flags) }
  checkNewKeys(flags)
  const { bundle: own, description } = unlocked
  if (label !== '') checkNeed(own.role, { need: 'history', what: 'a label', location: store.location })
  // Before a key file or sheets are written.
  const bundle = bundleOf({ store, unlocked }, flags)
  const sheets = await newSheets(context, flags, place)
  const details = { ...slotDetails(context, description.suite), label, maker: own }
  let credential: NewCredential | undefined
  let name: string
  try {
    credential = await newCredential(context, store.location, flags, sheets?.credential)
    name = await addSlot(store, bundle, credential, { ...details, ...(await costOfNew(context, credential)) })
  } catch (error) {
    sheets?.discard()
    // Written by this run, or there would be no credential: it opens nothing, and would stand in the way of the next one.
    if (credential !== undefined && flags.newKeyFile !== undefined) rmSync(flags.newKeyFile, { force: true })
    throw error
  }
  // Who opens it here by that key will know which repository it has to be.
  if ('wrap' in credential) await rememberRoot(context, store.location, unlocked.description.rootPublic)
  tell(context, `added key ${shortKey(name)}`, { action: 'added', id: keyId(name) })
  const who = `Whoever has ${credential === sheets?.credential ? sheets.what : whatOpens(credential, flags)}`
  const all = bundle.role === own.role && flags.domain === undefined
  const within = flags.domain === undefined ? '' : `, in ${flags.domain.map(escapeText).join(' and ')} alone`
  context.reporter.note(`${who} ${all ? 'can do what you can' : ROLE_TEXTS[bundle.role]}${within}.`)
}

/** What the new key opens: all that this one does unless the flags say less. */
function bundleOf(
  { store, unlocked: { bundle } }: UnlockedStore,
  { role = bundle.role, domain: domains }: NewKeyFlags,
): Bundle {
  if (role === 'write') {
    throw new BackupError('usage', 'a key that only makes backups belongs to one machine', store.location, {
      hint: 'let the machine in: `holdfast enroll request` there, then `holdfast enroll approve` here',
    })
  }
  if (role === bundle.role && domains === undefined) return bundle
  return restrictBundle(bundle, { role, random: secureRandom, ...(domains !== undefined && { domains }) })
}

function whatOpens(credential: NewCredential, { newKeyFile }: NewKeyFlags): string {
  if (credential.kind === 'tpm') return `this machine${credential.detail.endsWith('a PIN') ? ' and the PIN' : ''}`
  if (credential.kind === 'pkcs11') return 'the token and its PIN'
  if (credential.kind === 'several') return 'enough of these keys together'
  if ('wrap' in credential) {
    const recipients = recipientsOf(credential.detail)
    return recipients.length === 1
      ? `the private key of ${recipients[0]}`
      : 'the private key of one of these recipients'
  }
  return credential.kind === 'passphrase' ? 'the passphrase' : (newKeyFile ?? 'the key file')
}

export async function removeKey(context: Context, { store, unlocked }: UnlockedStore, spec: string): Promise<void> {
  const { slots, problems } = await readSlots(store)
  const name = findSlotName([...slots.map((slot) => slot.name), ...problems.map(({ subject }) => subject)], spec)
  await removeSlotOf(context, { store, unlocked }, name)
  const inUse = name === unlocked.slotName ? ', which was the one in use' : ''
  tell(context, `removed key ${shortKey(name)}${inUse}`, { action: 'removed', id: keyId(name) })
}

export async function changeKey(
  context: Context,
  { store, unlocked }: UnlockedStore,
  flags: NewKeyFlags,
): Promise<void> {
  const { slots } = await readSlots(store)
  if (slots.find(({ name }) => name === unlocked.slotName)?.slot.method.kind !== 'passphrase') {
    throw new BackupError('usage', 'the repository was not opened with a passphrase', store.location, {
      hint: 'open it with the passphrase to change, or use `key add` and `key remove`',
    })
  }
  const passphrase = await newPassphrase(context, store.location, flags.newPasswordFile)
  const cost = await costOfNew(context, { kind: 'passphrase', passphrase })
  const details = { ...slotDetails(context, unlocked.description.suite), ...cost }
  const name = await changePassphrase(store, unlocked, passphrase, details, (slot) =>
    recordRemoval(context, { store, unlocked }, slot),
  )
  tell(context, `changed the passphrase; its key is now ${shortKey(name)}`, { action: 'changed', id: keyId(name) })
}

function slotDetails({ clock }: Context, suite: NewSlot['suite']): NewSlot {
  return { created: timespecFromMs(clock.now()), random: secureRandom, suite }
}

function tell({ out }: Context, line: string, record: { readonly action: string; readonly id: string }): void {
  out.line(line)
  out.record({ type: 'key_change', ...record })
}

export function keyId(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

export function shortKey(name: string): string {
  return keyId(name).slice(0, 10)
}
