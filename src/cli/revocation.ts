// `holdfast enroll revoke`, and how revoked writers are named.
import { hostname } from 'node:os'
import { equalBytes, fromHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { findSlotName, listSlots } from '../repo/keys/key-slots.ts'
import type { SlotInfo } from '../repo/keys/key-slots.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import type { Revocation, RevokingRecord } from '../repo/writers/revocations.ts'
import { findWriter, knownWriters, planRevocation } from '../repo/history/revoke-writer.ts'
import type { KnownWriter, RevocationPlan } from '../repo/history/revoke-writer.ts'
import { rememberOwn } from '../repo/history/rollback.ts'
import { RoleLacks } from '../repo/roles.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { RevokeFlags } from './commands/enroll-revoke.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { whoWorks } from './history.ts'
import type { JsonValue } from './json-lines.ts'
import { keyId, shortKey } from './key-commands.ts'
import { removeSlotOf } from './key-records.ts'
import type { UnlockedStore } from './repository.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { recordOrigin } from './record-origin.ts'
import { counted, formatLocalTime } from './units.ts'

export async function revokeMachine(
  context: Context,
  { store, unlocked, repository: repo }: UnlockedStore,
  spec: string,
  flags: RevokeFlags,
): Promise<void> {
  const { bundle } = unlocked
  if (bundle.rootSeed === undefined || repo === undefined) {
    throw new RoleLacks(bundle.role, { need: 'admin', what: 'revoking a machine', location: store.location })
  }
  const writer = findWriter(await knownWriters(repo), spec)
  const since = {
    ...(flags.from !== undefined && { fromSeq: flags.from }),
    ...(flags.since !== undefined && { sinceMs: flags.since }),
  }
  const plan = await planRevocation(repo, writer.wid, since, flags.reason)
  const key = await keyOf(repo, writer, flags, unlocked.slotName)
  const isDryRun = flags.dryRun === true
  if (!isDryRun) {
    const { clock } = context
    const state = openStateFolder(stateFolder(context.env))
    const by = await writerIdentity(repo, { state, clock, random: secureRandom, host: hostname() })
    if (equalBytes(by.wid, fromHex(writer.wid)!)) {
      throw new BackupError('usage', 'this is the machine you work on', spec, { hint: 'revoke it from another one' })
    }
    // First what others go by: a key that is gone stops nobody who has kept what it opens.
    if (plan.already === undefined) {
      const record = await appendRecord(repo, plan.action, { writer: by, clock, by: whoWorks(context) })
      await rememberOwn(repo, state, 'record', { ...record, nowMs: clock.now() })
    }
    if (key !== undefined) await removeSlotOf(context, { store, unlocked }, key.name)
  }
  show(context, { writer, plan, key, isDryRun })
}

/** The slot that was made when this writer was let in, as far as it can be told. */
async function keyOf(
  repo: Repository,
  { name, role }: KnownWriter,
  { key, keepKey }: RevokeFlags,
  inUse: string,
): Promise<SlotInfo | undefined> {
  if (keepKey === true && key !== undefined) {
    throw new BackupError('usage', 'a key is to be removed and none is', '--key and --keep-key')
  }
  if (keepKey === true) return undefined
  const { slots } = await listSlots(repo.store, repo.bundle)
  if (key !== undefined) {
    const found = findSlotName(
      slots.map((slot) => slot.name),
      key,
    )
    return slots.find((slot) => slot.name === found)
  }
  const fitting = slots.filter((slot) => {
    return slot.kind === 'age' && slot.label === name && name !== '' && slot.role === role && slot.name !== inUse
  })
  return fitting.length === 1 ? fitting[0] : undefined
}

interface Revoked {
  readonly writer: KnownWriter
  readonly plan: RevocationPlan
  readonly key: SlotInfo | undefined
  readonly isDryRun: boolean
}

function show(context: Context, revoked: Revoked): void {
  const { out, reporter } = context
  const { writer, plan, key, isDryRun } = revoked
  const { action, kept, dropped, droppedRecords, already } = plan
  if (already !== undefined) return showAlready(context, revoked, already)
  const called = calledOf(writer)
  out.line(`${isDryRun ? 'would revoke' : 'revoked'} ${called}, ${writer.role}`)
  out.line(
    `  its snapshots from ${action.fromSeq} on do not count; ${counted(kept.length, 'snapshot')} before that ${kept.length === 1 ? 'stays' : 'stay'}`,
  )
  if (dropped.length > 0) out.line(`  ${counted(dropped.length, 'snapshot')} of those that are there count no more`)
  if (droppedRecords.length > 0) out.line(`  ${counted(droppedRecords.length, 'log record')} have no effect any more`)
  if (key !== undefined) out.line(keyLine(key, isDryRun))
  out.record({
    type: 'revocation',
    dry_run: isDryRun,
    writer: writer.wid,
    name: writer.name,
    role: writer.role,
    from: action.fromSeq,
    kept: kept.length,
    dropped: dropped.map(({ id }) => id),
    dropped_records: droppedRecords.length,
    ...(key !== undefined && { key: keyId(key.name) }),
  })
  if (key === undefined) {
    reporter.note('No key was found that is only of this machine: see `holdfast key list`, and `holdfast key remove`.')
  }
  if (writer.role === 'admin') {
    reporter.note('It was an administrator: who has its key can let other machines in, and those are not revoked.')
  }
  if (isDryRun) return
  reporter.note('Take away its right to write to the store too: what it stores from now on costs space.')
}

function showAlready({ out }: Context, { writer, key, isDryRun }: Revoked, { record, fromSeq }: Revocation): void {
  out.line(`${calledOf(writer)}, ${writer.role}, is ${revokedText(record)} already; nothing more is taken away`)
  out.line(`  its snapshots from ${fromSeq} on do not count`)
  if (key !== undefined) out.line(keyLine(key, isDryRun))
  out.record({
    type: 'revocation',
    already: true,
    dry_run: isDryRun,
    writer: writer.wid,
    name: writer.name,
    role: writer.role,
    from: fromSeq,
    ...revokedJson(record),
    ...(key !== undefined && { key: keyId(key.name) }),
  })
}

function calledOf({ name, wid }: KnownWriter): string {
  return `${name === '' ? 'writer' : escapeText(name)} ${wid.slice(0, 8)}`
}

function keyLine({ name }: SlotInfo, isDryRun: boolean): string {
  return `  ${isDryRun ? 'would remove' : 'removed'} its key ${shortKey(name)}`
}

/** `revoked by ada@desk on 2026-05-01 10:00 (stolen)` */
export function revokedText({ body }: RevokingRecord): string {
  const { by, time, action } = body
  const reason = 'reason' in action && action.reason !== undefined ? ` (${escapeText(action.reason)})` : ''
  return `revoked by ${escapeText(by)} on ${formatLocalTime(time)}${reason}`
}

export function revokedJson(record: RevokingRecord): { readonly [key: string]: JsonValue } {
  const { action } = record.body
  return { ...recordOrigin(record), note: 'reason' in action ? action.reason : undefined }
}
