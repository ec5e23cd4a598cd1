// The key slots of a store, read without any key. What the store gives is not to be trusted: each slot is compared with
// its name, bounded and decoded on its own, and one that is damaged does not stand in the way of the others.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Timespec } from '../../base/time.ts'
import { slotWords } from '../../credentials/slot-words.ts'
import { checkPassphraseParams } from '../../crypto/passphrase.ts'
import type { Bundle, Role } from '../../format/bundle.ts'
import {
  decodeKeySlot,
  isSignedBy,
  KEY_SLOT_SIZE_MAX,
  openSlotDetail,
  openSlotHolder,
  openSlotLabel,
} from '../../format/key-slot.ts'
import type { KeySlot } from '../../format/key-slot.ts'
import { knownKind } from '../../format/slot-kinds.ts'
import type { SlotKind } from '../../format/slot-kinds.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import type { RepoDescription } from '../../format/repo-description.ts'
import { recipientOf } from '../../format/session-keys.ts'
import type { SlotHolder } from '../../format/slot-holder.ts'
import { listAll } from '../../store/store.ts'
import type { ObjectInfo, Store } from '../../store/store.ts'
import { getNamedByHash } from '../objects/named-object.ts'

/** Slots that a repository may have: a client with the last of them tries no more. */
export const SLOTS_MAX = 64
/** Slots that are read; more than that is the work of somebody who wants to keep clients busy. */
export const SLOTS_READ_MAX = 256
/** Bytes of slots that are kept in memory, for the same reason; a usual one has 3 KiB. */
const SLOTS_BYTES_MAX = 16 * 1024 * 1024
/** Slots fetched at once. */
const SLOT_READS = 4

export interface StoredSlot {
  /** `keys/<H>`. */
  readonly name: string
  readonly slot: KeySlot
}

export interface FoundSlots {
  /** In ascending order of name. */
  readonly slots: readonly StoredSlot[]
  /** One for each slot that cannot be used: damaged, hostile, of a newer kind. Their `subject` is the slot. */
  readonly problems: readonly BackupError[]
}

/** Throws only when the store cannot be listed or does not answer. */
export async function readSlots(store: Store): Promise<FoundSlots> {
  for (let attempt = 1; ; attempt++) {
    const { gone, ...found } = await readListedSlots(store)
    // A slot that is made anew is deleted when the new one is there: that is listed now.
    if (!gone || attempt === LIST_ATTEMPTS) return found
  }
}

/** How often slots are listed when some go away under the reader. */
const LIST_ATTEMPTS = 4

async function readListedSlots(store: Store): Promise<FoundSlots & { readonly gone: boolean }> {
  const listed: ObjectInfo[] = []
  const problems: BackupError[] = []
  let bytes = 0
  for await (const info of listAll(store, PREFIXES.keys)) {
    if (parseObjectName(info.name)?.kind !== 'key-slot') continue
    bytes += info.size
    if (listed.length === SLOTS_READ_MAX || bytes > SLOTS_BYTES_MAX) {
      problems.push(new BackupError('limit', 'too many key slots; this one and those after it are not read', info.name))
      break
    }
    listed.push(info)
  }
  const slots: StoredSlot[] = []
  let gone = false
  for (let at = 0; at < listed.length; at += SLOT_READS) {
    for (const found of await Promise.all(listed.slice(at, at + SLOT_READS).map((info) => readListed(store, info)))) {
      if (found instanceof BackupError) problems.push(found)
      else if (found !== null) slots.push(found)
      else gone = true
    }
  }
  return { slots, problems, gone }
}

/** Reads one slot and compares it with its name. Throws `corrupt`, `unsupported`, `limit` and what the store throws. */
export async function readSlot(store: Store, name: string): Promise<KeySlot> {
  const slot = decodeKeySlot(await getNamedByHash(store, name), name)
  if (slot.suite === 0) throw new BackupError('corrupt', 'the key slot is not encrypted', name)
  if (slot.method.kind === 'passphrase') checkPassphraseParams(slot.method.params, name)
  knownKind(slot.method, name)
  return slot
}

export interface SlotInfo {
  readonly name: string
  readonly kind: SlotKind
  /** What it opens with: the kind, or more where the slot tells. */
  readonly words: string
  /** What the slot says in the clear; the capability bundle in it decides. */
  readonly role: Role
  readonly created: Timespec
  /** Empty when it has none, null when this capability bundle cannot open it. */
  readonly label: string | null
  /** Which recipient it is for, where the kind does not say all; empty and null as with the label. */
  readonly detail: string | null
  /** Whether an administrator has made it, who can make it anew without its credential. */
  readonly isRenewable: boolean
  /** Whether it has the newest keys of its domains; undefined where this capability bundle cannot tell. */
  readonly hasNewestKeys: boolean | undefined
}

/** The slots for a listing, oldest first, with their labels. */
export async function listSlots(
  store: Store,
  bundle: Bundle,
  description: Pick<RepoDescription, 'announced'> = {},
): Promise<{ readonly slots: readonly SlotInfo[]; readonly problems: readonly BackupError[] }> {
  const { slots, problems } = await readSlots(store)
  const infos = slots.map(({ name, slot }): SlotInfo => {
    const [label, detail] = [openSlotLabel(slot, bundle, name), openSlotDetail(slot, bundle, name)]
    const isRenewable = isSignedBy(slot, bundle.rootPublic)
    const hasNewestKeys =
      isRenewable && bundle.rootSeed !== undefined && slot.role !== 'report'
        ? hasNewest(openSlotHolder(slot, bundle, name), description)
        : undefined
    const [kind, words] = [knownKind(slot.method, name), slotWords(slot.method, name)]
    const about = { name, kind, words, role: slot.role, created: slot.created, label, detail }
    return { ...about, isRenewable, hasNewestKeys }
  })
  infos.sort((a, b) => a.created.sec - b.created.sec || a.created.nsec - b.created.nsec || (a.name < b.name ? -1 : 1))
  return { slots: infos, problems }
}

function hasNewest({ domains }: SlotHolder, { announced = [] }: Pick<RepoDescription, 'announced'>): boolean {
  return announced.every(({ domainId, dataPublic }) => {
    const own = domains.find(({ id }) => equalBytes(id, domainId))
    return own === undefined || own.recipients.some((one) => equalBytes(one, recipientOf(dataPublic)))
  })
}

/** The one slot among `names` that `spec` means: its whole name, or the beginning of its hash. */
export function findSlotName(names: readonly string[], spec: string): string {
  const prefix = spec.startsWith(PREFIXES.keys) ? spec : PREFIXES.keys + spec
  const found = spec === '' ? [] : names.filter((name) => name.startsWith(prefix))
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new BackupError('not-found', 'no such key', spec, { hint: '`holdfast key list` shows them' })
  throw new BackupError('usage', `${found.length} key slots begin like this`, spec, { hint: 'give more digits' })
}

async function readListed(store: Store, { name, size }: ObjectInfo): Promise<StoredSlot | BackupError | null> {
  if (size > KEY_SLOT_SIZE_MAX) return new BackupError('corrupt', `a key slot of ${size} bytes`, name)
  try {
    return { name, slot: await readSlot(store, name) }
  } catch (error) {
    // A store that does not answer says nothing about the slot, and anything else than a BackupError is a bug.
    if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    return error.code === 'not-found' ? null : error // removed since it was listed
  }
}
