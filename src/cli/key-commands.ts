// `holdfast key …`: what opens the repository.
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import type { NewCredential } from '../credentials/credential.ts'
import { addSlot, changePassphrase, removeSlot, type NewSlot } from '../repo/keyring.ts'
import { findSlotName, listSlots, readSlots } from '../repo/key-slots.ts'
import type { Context } from './context.ts'
import { writeKeyFile } from './creation.ts'
import { escapeText } from './escape.ts'
import { jsonTime } from './json-lines.ts'
import type { UnlockedStore } from './repository.ts'
import { askTwice, passphraseFromFile } from './secrets.ts'
import { tableLines } from './table.ts'
import { formatLocalTime } from './units.ts'

export interface NewKeyFlags {
  readonly newKeyFile?: string
  readonly newPasswordFile?: string
  readonly label?: string
}

export async function listKeys({ out }: Context, { store, unlocked }: UnlockedStore): Promise<void> {
  const { slots } = await listSlots(store, unlocked.bundle)
  const rows = slots.map(({ name, kind, role, created, label }) => [
    `${shortKey(name)}${name === unlocked.slotName ? ' *' : ''}`,
    kind === 'passphrase' ? 'passphrase' : 'key file',
    role,
    formatLocalTime(created),
    escapeText(label ?? ''),
  ])
  const columns = ['KEY', 'KIND', 'ROLE', 'CREATED', 'LABEL'].map((title) => ({ title }))
  for (const line of tableLines(columns, rows)) out.line(line)
  for (const { name, kind, role, created, label } of slots) {
    const inUse = name === unlocked.slotName
    out.record({ type: 'key', id: keyId(name), kind, role, created: jsonTime(created), label, in_use: inUse })
  }
}

export async function addKey(context: Context, { store, unlocked }: UnlockedStore, flags: NewKeyFlags): Promise<void> {
  const credential = await newCredential(context, store.location, flags)
  const details = { ...slotDetails(context, unlocked.description.suite), label: flags.label ?? '' }
  const name = await addSlot(store, unlocked.bundle, credential, details)
  tell(context, `added key ${shortKey(name)}`, { action: 'added', id: keyId(name) })
  const what = credential.kind === 'passphrase' ? 'the passphrase' : (flags.newKeyFile ?? 'the key file')
  context.reporter.note(`Whoever has ${what} can read all backups, as with the other keys.`)
}

export async function removeKey(context: Context, { store, unlocked }: UnlockedStore, spec: string): Promise<void> {
  const { slots, problems } = await readSlots(store)
  const name = findSlotName([...slots.map((slot) => slot.name), ...problems.map(({ subject }) => subject)], spec)
  await removeSlot(store, name)
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
    throw new BackupError('usage', 'the repository was opened with a key file, not with a passphrase', store.location, {
      hint: 'open it with the passphrase to change, or use `key add` and `key remove`',
    })
  }
  const passphrase = await newPassphrase(context, store.location, flags.newPasswordFile)
  const name = await changePassphrase(store, unlocked, passphrase, slotDetails(context, unlocked.description.suite))
  tell(context, `changed the passphrase; its key is now ${shortKey(name)}`, { action: 'changed', id: keyId(name) })
}

async function newCredential(context: Context, location: string, flags: NewKeyFlags): Promise<NewCredential> {
  if (flags.newKeyFile === undefined) {
    return { kind: 'passphrase', passphrase: await newPassphrase(context, location, flags.newPasswordFile) }
  }
  if (flags.newPasswordFile === undefined) return writeKeyFile(flags.newKeyFile)
  throw new BackupError('usage', 'two new keys are given', '--new-key-file and --new-password-file', {
    hint: 'add one after the other',
  })
}

async function newPassphrase(context: Context, location: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return passphraseFromFile(file)
  const given = context.env['HOLDFAST_NEW_PASSWORD']
  return given === undefined || given === '' ? askTwice(location) : given
}

function slotDetails({ clock }: Context, suite: NewSlot['suite']): NewSlot {
  return { created: timespecFromMs(clock.now()), random: secureRandom, suite }
}

function tell({ out }: Context, line: string, record: { readonly action: string; readonly id: string }): void {
  out.line(line)
  out.record({ type: 'key_change', ...record })
}

function keyId(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function shortKey(name: string): string {
  return keyId(name).slice(0, 10)
}
