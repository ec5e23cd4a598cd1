// `holdfast policy …`: by what snapshots are forgotten.
import { BackupError } from '../base/errors.ts'
import type { RetentionPolicy } from '../format/retention-policy.ts'
import { readRetentionRecords } from '../ops/forget.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { PolicyInForce } from '../repo/history/retention-records.ts'
import type { Repository } from '../repo/repository.ts'
import { TRASH_DAYS } from '../repo/history/trash.ts'
import type { PolicySetFlags } from './commands/policy-set.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import type { JsonRecord } from './json-lines.ts'
import { withMaintenance } from './maintenance.ts'
import { recordOrigin } from './record-origin.ts'
import { policyFlags, policyLines, policyOfFlags } from './retention-flags.ts'
import { formatLocalTime } from './units.ts'

export async function showPolicy({ out, reporter }: Context, repository: Repository): Promise<void> {
  const { policies } = await readRetentionRecords(repository)
  const shown = repository.inDomains.flatMap(({ domain }) => {
    const id = Buffer.from(domain.id).toString('hex')
    return policies.filter(({ domainId }) => domainId === id).map((each) => ({ ...each, name: domain.name }))
  })
  if (shown.length === 0) reporter.note('no policy is set: nothing is forgotten')
  for (const { name, ...each } of shown) {
    const { record, policy } = each
    if (repository.inDomains.length > 1) out.line(`domain ${escapeText(name)}`)
    for (const line of policyLines(policy)) out.line(escapeText(line))
    out.line(`set by ${escapeText(record.body.by)} on ${formatLocalTime(record.body.time)}${reasonText(each)}`)
    out.line(`holdfast policy set ${escapeText(policyFlags(policy).join(' '))}`)
    out.record({ ...policyRecord(each), domain: name })
  }
}

function reasonText(policy: PolicyInForce): string {
  const reason = reasonOf(policy)
  return reason === undefined ? '' : ` (${escapeText(reason)})`
}

function reasonOf({ record: { body } }: PolicyInForce): string | undefined {
  return 'reason' in body.action ? body.action.reason : undefined
}

function policyRecord(inForce: PolicyInForce): JsonRecord {
  const { policy, record } = inForce
  return {
    type: 'policy',
    flags: policyFlags(policy),
    trash_days: policy.trashDays,
    ...recordOrigin(record),
    note: reasonOf(inForce),
  }
}

export async function setPolicy(context: Context, flags: PolicySetFlags): Promise<void> {
  const { none = false, reason } = flags
  const given = policyOfFlags(flags)
  if (none === (given !== undefined)) {
    throw new BackupError('usage', none ? 'both rules and --none are given' : 'no rule is given', 'policy set', {
      hint: 'say what is kept, such as --keep-daily 14 --keep-monthly all, or --none to forget nothing',
    })
  }
  const { groupBy = ['sources'], trashDays = TRASH_DAYS } = flags
  const policy: RetentionPolicy = given ?? { calendar: [], within: [], tags: [], groupBy, trashDays }
  await withMaintenance(context, async (repository, signing) => {
    const action = { kind: 'policy' as const, policy, ...(reason !== undefined && { reason }) }
    const { objectName } = await appendRecord(repository, action, await signing())
    for (const line of policyLines(policy)) context.out.line(escapeText(line))
    context.out.line('set; `holdfast forget --dry-run` shows what it would remove')
    context.out.record({ type: 'policy', flags: policyFlags(policy), trash_days: policy.trashDays, record: objectName })
  })
}
