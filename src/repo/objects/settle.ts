// Pauses where a store's lists lag (docs/format.md, 10). None where they do not.
import type { Clock } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'

/** Afterwards every list that anybody gets shows what was put and deleted before. */
export async function settle({ listLagMs }: Store, clock: Pick<Clock, 'sleep'>): Promise<void> {
  if (listLagMs > 0) await clock.sleep(listLagMs)
}
