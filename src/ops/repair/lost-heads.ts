// Objects of chains that are gone without a reason, by their names: heads that this machine remembers, of which nothing in the
// store speaks, so that a repair would not miss them; and what is about to be accepted as lost.
import { fromHex } from '../../base/bytes.ts'
import { parseObjectName, PREFIXES, trashCopiesPrefix, writerName } from '../../format/names.ts'
import type { LostPlace } from '../../repo/history/chain-look.ts'
import type { Repository } from '../../repo/repository.ts'
import type { Store } from '../../store/store.ts'
import { ObjectVerifier } from '../check/object-verifier.ts'
import { ignoreEvents } from '../events.ts'
import { ObjectHealing } from './heal-objects.ts'
import type { RepairStep } from './options.ts'

type MissedObject = Pick<LostPlace, 'objectName' | 'wid' | 'rival'>

/** Brings them back from parity or another copy of the repository, as far as they can be had; gives what was done. */
export async function bringBackHeads(
  repo: Repository,
  lost: readonly MissedObject[],
  { mirror, checkStopped }: { readonly mirror?: Store | undefined; readonly checkStopped: () => void },
): Promise<readonly RepairStep[]> {
  const { store } = repo
  const steps: RepairStep[] = []
  const verifier = new ObjectVerifier({ repoId: repo.id, rootPublic: repo.bundle.rootPublic }, repo.inDomains)
  const healing = new ObjectHealing({
    store,
    mirror,
    verify: (name, parsed, bytes) => void verifier.verify(name, parsed, bytes),
    steps,
    reasons: new Map(),
    onEvent: ignoreEvents,
    checkStopped,
  })
  await healing.under(PREFIXES.writers, async () => {})
  for (const { objectName, wid, rival } of lost) {
    checkStopped()
    const parsed = parseObjectName(objectName)
    // Beside a rival it would be one of two.
    if (rival !== undefined || (parsed?.kind !== 'snapshot' && parsed?.kind !== 'log')) continue
    const { hash, seq } = parsed
    // It lies in the trash: it is there that it is looked for.
    const copies = parsed.kind === 'snapshot' ? await store.list(trashCopiesPrefix(wid, seq, hash)) : undefined
    if (copies !== undefined && copies.objects.length > 0) continue
    const certificate = writerName(fromHex(wid)!)
    if ((await store.stat(certificate)) === null) await healing.bringBack(certificate, parseObjectName(certificate)!)
    await healing.bringBack(objectName, parsed)
  }
  return steps
}
