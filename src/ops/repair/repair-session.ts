// What a repair writes into packs and segments it writes as a session of its own, one domain at a time.
import type { Domain } from '../../format/bundle.ts'
import { newSessionSecrets } from '../../repo/declared-session.ts'
import { Repository } from '../../repo/repository.ts'
import { WriteSession } from '../../repo/write-session.ts'
import { writerIdentity } from '../../repo/writers/writer-identity.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import type { RepairOptions } from './options.ts'

export class RepairSessions {
  readonly #opts: RepairOptions
  #writer: WriterIdentity | undefined

  constructor(opts: RepairOptions) {
    this.#opts = opts
  }

  /** Who signs what this repair writes. */
  async writer(repo: Repository): Promise<WriterIdentity> {
    const { state, clock, random, host } = this.#opts
    return (this.#writer ??= await writerIdentity(repo, { state, clock, random, host, act: 'store' }))
  }

  /** Runs `work` in a session that does not rely on the packs in `distrust`, and ends it. */
  async run(
    whole: Repository,
    domain: Domain,
    distrust: readonly string[],
    work: (session: WriteSession, repo: Repository) => Promise<void>,
  ): Promise<void> {
    const { random, clock, host, tool } = this.#opts
    const repo = afresh(whole).inDomains.find((each) => each.domain === domain)!
    const writer = await this.writer(whole)
    const secrets = newSessionSecrets(random)
    const session = await WriteSession.begin(repo, { secrets, writer, clock, random, host, tool, distrust })
    repo.useIndex(session.index)
    await work(session, repo)
    await session.finishIndex()
    await session.finishParity()
    await session.end()
  }
}

/** What was found wrong before is not remembered. */
export function afresh(repo: Repository): Repository {
  const { store, description, descriptionNumber, bundle, problems, newerDamaged, machineSeed } = repo
  const again = new Repository({ store, description, descriptionNumber, bundle, problems, newerDamaged })
  again.machineSeed = machineSeed
  return again
}
