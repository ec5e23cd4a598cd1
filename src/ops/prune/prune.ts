// Deletes what no snapshot needs, beside any number of backups and other prunes: intent, plan, fence (docs/format.md, 10, and
// docs/decisions/0019). Everything that is put is read back before anything relies on it, and every step can be the last one of
// a run: the next one goes on.
//
//   look      index and packs, snapshots in place and in the trash; what the trees need
//   copy      what is needed of packs that are otherwise garbage
//   plan      say which packs go
//   wait      for the sessions that began before that could be seen
//   carry out look again, save what is needed after all, delete index, packs, plan
//   clear     what sessions have left
import type { Clock } from '../../base/clock.ts'
import type { SecureRandom } from '../../base/random.ts'
import { initHashing } from '../../crypto/hash.ts'
import { returnLargeBuffers } from '../../posix/allocator.ts'
import { checkWritable } from '../../repo/descriptions.ts'
import type { Repository } from '../../repo/repository.ts'
import { checkNotRevoked } from '../../repo/writers/revocations.ts'
import { checkNeed } from '../../repo/roles.ts'
import { writerIdentity } from '../../repo/writers/writer-identity.ts'
import { putBackRecalled } from '../../repo/history/trash.ts'
import { ignoreEvents } from '../events.ts'
import type { EventSink } from '../events.ts'
import { stopper } from './context.ts'
import { DomainPrune } from './domain-prune.ts'
import type { PruneOptions, PruneReport } from './options.ts'
import { reportOf } from './report.ts'
import { checkMayReencrypt } from './sealing-anew.ts'

export type { PruneCounts, PruneOptions, PruneReport, Reencryption, WaitingPlan } from './options.ts'

/** Bytes: blocks of trees are read and passed on by the thousand, and the holes that they leave would never be filled. */
const LARGE_BUFFER = 64 * 1024

/**
 * Prunes every domain of the credential, whose role has to be admin or maintain. Throws `corrupt` when a snapshot or a part of
 * the index cannot be read, `limit` when unusually much would be deleted, `interrupted` when `signal` says so, and what the store
 * throws; whenever it throws, everything that snapshots need is there.
 */
export async function prune(repo: Repository, opts: PruneOptions): Promise<PruneReport> {
  await initHashing()
  // Reading trees in several threads passes large arrays on, which the C library would keep.
  if (opts.threads > 0) returnLargeBuffers(LARGE_BUFFER)
  const { location } = repo.store
  checkNeed(repo.bundle.role, { need: 'upkeep', what: 'pruning', location })
  // Where nothing is encrypted there is nothing to encrypt anew.
  const encrypted = repo.inDomains.filter(({ suite }) => suite !== 0)
  if (opts.reencrypt === true) for (const domain of encrypted.length > 0 ? encrypted : [repo]) checkMayReencrypt(domain)
  if (opts.dryRun !== true) checkWritable(repo, location)
  const { state, clock, random, host, by, onEvent = ignoreEvents } = opts
  const check = stopper(opts.signal, location)
  const domains: DomainPrune[] = []
  for (const domain of repo.inDomains) {
    // One that was enrolled before this domain was added signs nothing in it.
    const writer =
      opts.dryRun === true ? undefined : await writerIdentity(domain, { state, clock, random, host, act: 'plan' })
    if (writer !== undefined) await checkNotRevoked(repo, writer.wid)
    const pruning = new DomainPrune(
      { repo: domain, writer, state, clock, random, by, onEvent, check },
      withinDomain(domain, opts),
    )
    domains.push(pruning)
    if (writer !== undefined) await putBack(domain, { random, clock }, onEvent)
    await pruning.run()
  }
  return reportOf(domains.map((each) => each.result))
}

function withinDomain({ suite }: Repository, opts: PruneOptions): PruneOptions {
  return suite === 0 ? { ...opts, reencrypt: false } : opts
}

async function putBack(
  repo: Repository,
  opts: { readonly random: SecureRandom; readonly clock: Clock },
  onEvent: EventSink,
): Promise<void> {
  for (const { objectName } of await putBackRecalled(repo, opts)) {
    onEvent({
      type: 'notice',
      message: `${objectName} was brought back and then deleted all the same; it is back again`,
    })
  }
}
