// Records of the log that an audit shows as they are: what was repaired, and what was deleted.
import type { LogAction } from '../../format/log-record.ts'
import type { LogFacts } from '../../repo/history/log-facts.ts'
import type { OpenedRecord } from '../../repo/history/log.ts'

interface Recorded<K extends LogAction['kind']> {
  readonly record: OpenedRecord
  readonly action: Extract<LogAction, { readonly kind: K }>
}

export type RecordedRepair = Recorded<'repair'>
export type RecordedPrune = Recorded<'prune'>

/** Those that count, of one kind. */
export function recordsOf<K extends LogAction['kind']>({ effective }: LogFacts, kind: K): Recorded<K>[] {
  return effective.flatMap((record) => {
    const { action } = record.body
    return action.kind === kind ? [{ record, action: action as Recorded<K>['action'] }] : []
  })
}
