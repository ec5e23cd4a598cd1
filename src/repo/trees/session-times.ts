// When sessions began, as far as the store tells: by the times of their keys, which are stored before anything else of them.
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'

/** By session id, hex; in milliseconds since 1970 by the store's clock. To choose an order by: a copy has other times. */
export async function sessionTimes(store: Store): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>()
  for await (const { name, receivedMs } of listAll(store, PREFIXES.sessionKeys)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'session-keys') times.set(parsed.sid, receivedMs)
  }
  return times
}
