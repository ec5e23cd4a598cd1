// Heals the descriptions of a repository: without one that is sound nothing can be opened, so this comes first and needs no key.
// That a description is sound in itself is all that can be told here; whose it is shows when the repository is opened.
import { BackupError } from '../../base/errors.ts'
import { initHashing } from '../../crypto/hash.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { decodeRepoDescription } from '../../format/repo-description.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { ignoreEvents } from '../events.ts'
import { ObjectHealing } from './heal-objects.ts'
import type { RepairStep } from './options.ts'

export async function healDescriptions(store: Store, mirror?: Store): Promise<readonly RepairStep[]> {
  await initHashing()
  const steps: RepairStep[] = []
  const healing = new ObjectHealing({
    store,
    mirror,
    verify: (name, _parsed, bytes) => void decodeRepoDescription(bytes, name),
    steps,
    reasons: new Map(),
    onEvent: ignoreEvents,
    checkStopped: () => {},
  })
  let sound = 0
  await healing.under(PREFIXES.format, async () => void sound++)
  // Descriptions are never removed: one that has left parity behind, or is in the mirror, was lost.
  if (sound > 0) return steps
  const names: string[] = []
  for await (const { name } of listAll(store, PREFIXES.parity + PREFIXES.format)) {
    names.push(name.slice(PREFIXES.parity.length))
  }
  if (mirror !== undefined) for await (const { name } of listAll(mirror, PREFIXES.format)) names.push(name)
  for (const name of new Set(names)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'description' || (await store.stat(name)) !== null) continue
    await healing.bringBack(name, parsed).catch((error: unknown) => {
      if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    })
  }
  return steps
}
