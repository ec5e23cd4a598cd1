// `holdfast key rotate`: new keys for what is stored from now on.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { kindWords } from '../format/slot-kinds.ts'
import { PASSED_TEXTS } from '../repo/keys/change-domains.ts'
import { findSlotName, listSlots } from '../repo/keys/key-slots.ts'
import type { SlotInfo } from '../repo/keys/key-slots.ts'
import { planRotation, rotateKeys, slotId } from '../repo/rotate-keys.ts'
import type { RenewalPlan } from '../repo/keys/slot-renewal.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { keyId, recipientsOf, shortKey } from './key-commands.ts'
import { recordKeyAction, slotsRemoved } from './key-records.ts'
import type { OpenedStore } from './repository.ts'
import { tableLines } from './table.ts'
import { terminalAsk } from './terminal-ask.ts'
import { formatLocalTime } from './units.ts'

export interface RotationFlags {
  readonly domain?: readonly string[]
  readonly except?: readonly string[]
  readonly reason?: string
  readonly yes?: boolean
}

export async function rotateReadKeys(context: Context, opened: OpenedStore, flags: RotationFlags): Promise<void> {
  const { store, unlocked, credential } = opened
  const { domain: domains, reason, yes = false } = flags
  const { slots, problems } = await listSlots(store, unlocked.bundle, unlocked.description)
  const names = [...slots.map(({ name }) => name), ...problems.map(({ subject }) => subject)]
  const except = (flags.except ?? []).map((spec) => findSlotName(names, spec))
  const removed = await slotsRemoved(opened)
  const choice = domains === undefined ? {} : { domains }
  const plan = await planRotation(store, unlocked, {
    ...choice,
    removed,
    leavesOut: ({ copies }) => copies.some((name) => except.includes(name)),
  })
  showPlan(context, plan, slots)
  if (!yes) await confirm(context, store.location)
  const approved = new Set(plan.renewed.map(({ slot }) => slotId(slot)))
  const { clock } = context
  const readRemoved = () => slotsRemoved(opened)
  const by = { ...choice, readRemoved, approved, credential, clock, random: secureRandom }
  const done = await rotateKeys(store, unlocked, by)
  const domainIds = done.domains.map(({ id }) => id)
  const action = { kind: 'rotate', description: done.descriptionNumber, domainIds } as const
  await recordKeyAction(context, { store, unlocked: done }, { ...action, ...(reason !== undefined && { reason }) })
  const what = done.domains.map(({ name }) => escapeText(name)).join(', ')
  context.out.line(`made new keys for ${what}; the key in use is now ${shortKey(done.slotName)}`)
  context.out.record({
    type: 'key_rotation',
    domains: domainIds.map(toHex),
    description: done.descriptionNumber,
    key: keyId(done.slotName),
    renewed: done.plan.renewed.length,
    passed: done.plan.passed.length,
  })
  const { reporter } = context
  reporter.note(
    'Backups that begin from now on are for these keys alone. What was stored before can still be read by who could read it, from the store or from a copy of it; `holdfast prune --reencrypt` takes it from those who have the store alone.',
  )
  reporter.note('Copies of key slots from before do not have the new keys: export them again where you keep some.')
}

/** Who gets the new keys, who does not, and why. */
function showPlan({ out, reporter }: Context, { renewed, passed }: RenewalPlan, slots: readonly SlotInfo[]): void {
  const about = (name: string): string[] => {
    const slot = slots.find((each) => each.name === name)
    if (slot === undefined) return [shortKey(name), 'unknown', '', '', '']
    const texts = [slot.label ?? '', ...recipientsOf(slot.detail)].filter((text) => text !== '')
    return [shortKey(name), kindWords(slot.kind), slot.role, formatLocalTime(slot.created), texts.join(', ')]
  }
  const show = (title: string, rows: readonly (readonly string[])[]) => {
    if (rows.length === 0) return
    out.line(title)
    const columns = ['KEY', 'KIND', 'ROLE', 'CREATED', 'LABEL', ...(rows[0]!.length > 5 ? ['WHY'] : [])]
    const lines = tableLines(
      columns.map((column) => ({ title: column })),
      rows.map((row) => row.map(escapeText)),
    )
    for (const line of lines) out.line(`  ${line}`)
  }
  show(
    'These get the new keys:',
    renewed.map(({ name }) => about(name)),
  )
  show(
    'These do not, and will not read what is stored from now on:',
    passed.map(({ name, reason }) => [...about(name), PASSED_TEXTS[reason]]),
  )
  for (const { name } of renewed) out.record({ type: 'key_rotation_slot', id: keyId(name), renewed: true })
  for (const { name, reason } of passed) {
    out.record({ type: 'key_rotation_slot', id: keyId(name), renewed: false, reason })
  }
  const machines = passed.filter(({ slot }) => slot?.role === 'write').length
  if (machines > 0) reporter.note('Machines that only make backups use the new keys all the same.')
}

async function confirm(context: Context, location: string): Promise<void> {
  await context.out.drained()
  const question = 'Make new keys, for those that are listed first?'
  if ((await terminalAsk(context.reporter).choose(question, 'yes', 'no, change nothing')) === true) return
  throw new BackupError('refused', 'nothing was changed', location, {
    hint: 'run it with --yes when the list is right; --except KEY leaves one out',
  })
}
