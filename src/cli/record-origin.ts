import type { OpenedRecord } from '../repo/history/log.ts'
import { formatUtcTime } from './units.ts'

/** For JSON: which record of the log says something, by whom it is and when it was written. */
export function recordOrigin({ objectName, body }: Pick<OpenedRecord, 'objectName' | 'body'>) {
  return { record: objectName, by: body.by, time: formatUtcTime(body.time) }
}
