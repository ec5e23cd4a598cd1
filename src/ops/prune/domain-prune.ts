// One prune of one domain, step by step (prune.ts).
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { fullPackSize } from '../../repo/packs/pack-layout.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import { BlockCopier } from './block-copier.ts'
import { applyPlans, carryOut } from './carry-out.ts'
import { batchesOf, choose, settleCopies, usesOf } from './choose.ts'
import type { Choice, IsLive, PackUse } from './choose.ts'
import type { PruneContext } from './context.ts'
import { Copies } from './copies.ts'
import { foresee } from './forecast.ts'
import { IndexView } from './index-view.ts'
import { IndexWriter } from './index-writer.ts'
import { clearLeftovers } from './leftovers.ts'
import { checkChoice } from './limits.ts'
import { checkNoneIsLost } from './lost-snapshots.ts'
import { OlderPacks } from './older-packs.ts'
import { MAX_UNUSED } from './options.ts'
import type { PruneOptions } from './options.ts'
import { digestOf, STANDING } from './pack-table.ts'
import type { PackInfo } from './pack-table.ts'
import { plansToCarryOut, putKeysPlan, putPlan } from './plans.ts'
import { DomainResult } from './report.ts'
import { RootWalk } from './root-walk.ts'
import { SealingAnew } from './sealing-anew.ts'
import { listSessionNames } from './sessions.ts'
import { SessionWatch, SILENCE_MS } from './waiting.ts'
import { Condemned, readPlans } from '../../repo/packs/condemned.ts'
import { readDirectories } from '../../repo/packs/unindexed-packs.ts'

/** Time between two looks at those for whom a plan waits, for who stays. */
const LOOK_MS = 60_000

export class DomainPrune {
  readonly #ctx: PruneContext
  readonly #opts: PruneOptions
  readonly #view: IndexView
  readonly #needs: RootWalk
  readonly #index: IndexWriter
  readonly #copies: Copies
  readonly #copier: BlockCopier
  readonly result = new DomainResult()

  constructor(ctx: Omit<PruneContext, 'writer'> & { readonly writer: WriterIdentity | undefined }, opts: PruneOptions) {
    // A dry run signs nothing.
    this.#ctx = ctx as PruneContext
    this.#opts = opts
    const { repo } = this.#ctx
    this.#view = new IndexView(repo)
    this.#index = new IndexWriter(this.#ctx, this.#view)
    this.#copies = new Copies(() => this.#view.packs, {
      newestKeys: opts.reencrypt === true,
    })
    if (opts.reencrypt === true) this.result.older = new OlderPacks()
    this.#copier = new BlockCopier(this.#ctx, { view: this.#view, index: this.#index, copies: this.#copies })
    this.#needs = new RootWalk(this.#ctx, opts, {
      view: this.#view,
      result: this.result,
      onGone: () => this.#copies.prefer(() => false),
    })
  }

  async run(): Promise<void> {
    try {
      await this.#run()
    } finally {
      await this.#needs.rest()
      const { result } = this
      result.nodes = this.#needs.nodes
      result.missing = this.#needs.missing
      result.note(this.#index, this.#copier)
      result.packsUnopened = this.#view.unopened.size
    }
  }

  async #run(): Promise<void> {
    const busy = await this.#look()
    const choice = this.#choose(busy)
    checkChoice(choice, this.#opts, this.#ctx.repo.store.location)
    this.#foresee(choice)
    if (this.#opts.dryRun === true) return
    await this.#copyAndPlan(choice)
    await this.#carryOutPlans()
    await this.#view.refresh(this.#ctx.check)
    await this.#index.replace(() => false)
    const cleared = await clearLeftovers(this.#ctx, {
      view: this.#view,
      roots: this.#needs.roots,
      keepKeys: this.#needs.missing > 0,
    })
    this.result.older?.finish(this.#view, this.#isLive())
    this.result.sessionsCleared = cleared.sessions
    if (cleared.unneeded.length === 0) return
    await putKeysPlan(this.#ctx, cleared.unneeded)
    await this.#carryOutPlans()
  }

  #foresee(choice: Choice): void {
    const { dryRun = false, reencrypt = false } = this.#opts
    this.result.dryRun = dryRun
    const opts = { repo: this.#ctx.repo, view: this.#view, isLive: this.#isLive(), reencrypt }
    this.result.foresee(choice, foresee(choice, opts))
  }

  /** Afterwards everything is marked that snapshots need. Gives the sessions that are under way, hex. */
  async #look(): Promise<ReadonlySet<string>> {
    const { repo, check } = this.#ctx
    const before = await listSessionNames(repo)
    // Snapshots before the index: what one needs is named before it is there.
    const roots = await this.#needs.list()
    await this.#view.refresh(check)
    const after = await listSessionNames(repo)
    if (this.#opts.allowMissing !== true) await checkNoneIsLost(repo, roots, this.#needs.roots.listed)
    const plans = await readPlans(repo)
    applyPlans(this.#view, this.#copies, plans, plans)
    await this.#needs.mark(roots)
    applyPlans(this.#view, this.#copies, plans, plans)
    settleCopies(this.#view.packs, this.#copies)
    await this.#copies.verify(this.#ctx, this.#view)
    const busy = [...before, ...after].flatMap(([sid, { hasIntent, hasEnd }]) => (hasIntent && !hasEnd ? [sid] : []))
    return new Set(busy)
  }

  #choose(busy: ReadonlySet<string>): Choice {
    const { maxUnused = MAX_UNUSED, maxRepack = Infinity, repackSmall = false, reencrypt = false } = this.#opts
    const { repo } = this.#ctx
    return choose(this.#view, {
      isLive: this.#isLive(),
      limits: { maxUnused, maxRepack, repackSmall },
      full: { data: fullPackSize(repo, 'data'), meta: fullPackSize(repo, 'meta') },
      // A backup has not named them yet.
      isUntouchable: (pack) => !this.#view.isNamed(pack) && pack.sessions.some((sid) => busy.has(sid)),
      ...(reencrypt && { isToBeSealedAnew: (pack: PackInfo) => pack.isUnderOlderKeys }),
    })
  }

  /** What was copied is planned at once: a run that is stopped has not copied for nothing. */
  async #copyAndPlan(choice: Choice): Promise<void> {
    const anew = this.#opts.reencrypt === true ? new SealingAnew(this.#ctx, this.#opts) : undefined
    try {
      await this.#copyAndPlanEach(choice, anew)
    } finally {
      // Plans wait for it as for any session.
      await anew?.end()
    }
  }

  async #copyAndPlanEach({ dead, repack, adopt }: Choice, anew: SealingAnew | undefined): Promise<void> {
    this.result.adopted = await this.#copier.adopt(packsOf(adopt))
    let leaving = await this.#asTheySay(packsOf(dead))
    this.result.older?.begin()
    const total = repack.reduce((sum, { pack }) => sum + pack.size, 0)
    let read = 0
    for (const batch of batchesOf(repack)) {
      const onPack = (pack: PackInfo) => {
        read += pack.size
        this.#progress(read, total)
      }
      const { copied, unreadable, newPacks } = await this.#copier.copy(packsOf(batch), this.#isLive(), { anew, onPack })
      for (const pack of unreadable) this.#leaveAlone(pack)
      this.result.older?.noteDone(batch.filter(({ pack }) => copied.includes(pack)))
      await this.#plan([...leaving, ...copied], newPacks)
      leaving = []
      this.#ctx.check()
    }
    if (leaving.length > 0) await this.#plan(leaving, [])
  }

  /** Puts a plan for those packs of which really nothing is needed any more. */
  async #plan(leaving: readonly PackInfo[], copies: readonly string[]): Promise<void> {
    const view = this.#view
    const plans = await readPlans(this.#ctx.repo)
    const condemned = new Condemned(plans)
    // What was copied is needed in its new pack from now on.
    applyPlans(view, this.#copies, [{ packs: new Set(leaving.map(({ name }) => name)) }], plans)
    const doomed = leaving.filter(
      (pack) => !condemned.has(pack.name) && usesOf(view.packs, pack, this.#isLive()).live === 0,
    )
    if (doomed.length > 0) await putPlan(this.#ctx, doomed, copies)
  }

  /** Those packs whose own directories say what the index says: it may be wrong, or somebody may lie in it. */
  async #asTheySay(packs: readonly PackInfo[]): Promise<PackInfo[]> {
    const { repo, check } = this.#ctx
    const agreed = new Set(
      packs.filter(({ name, standing }) => standing === STANDING.missing && !this.#view.listed.has(name)),
    )
    const there = packs.filter((pack) => !agreed.has(pack))
    const listed = there.map(({ name, size }) => [name, size] as const)
    for await (const pack of readDirectories(repo.store, repo.indexSealer, listed)) {
      check()
      const info = this.#view.packs.find(pack.objectName)!
      if (info.digest === digestOf(pack, pack.sessions)) agreed.add(info)
    }
    for (const pack of there) if (!agreed.has(pack)) this.#leaveAlone(pack)
    return packs.filter((pack) => agreed.has(pack))
  }

  #leaveAlone({ name }: PackInfo): void {
    this.result.unreadable.push(name)
    const message =
      'this pack is damaged, gone or not what the index says, and was left alone; run `holdfast check --read-data`'
    this.#ctx.onEvent({ type: 'warning', code: 'corrupt', path: Buffer.from(name), message })
  }

  #isLive(): IsLive {
    return this.#copies.isLive.bind(this.#copies)
  }

  #progress(bytesDone: number, bytesTotal: number): void {
    const { newPacks } = this.#copier
    const phase = this.#opts.reencrypt === true ? 'encrypting anew' : 'copying what is needed'
    this.#ctx.onEvent({ type: 'progress', phase, filesDone: newPacks, bytesDone, bytesTotal, unit: 'packs' })
  }

  async #carryOutPlans(): Promise<void> {
    const { wait = false, sleep, silenceMs = SILENCE_MS } = this.#opts
    const watch = new SessionWatch(this.#ctx, this.#needs.roots, silenceMs)
    const { fenced } = this.result
    for (;;) {
      this.#ctx.check()
      const plans = await plansToCarryOut(this.#ctx)
      const states = await watch.look(plans)
      const ready = states.flatMap(({ plan, waitingFor }) => (waitingFor.length === 0 ? [plan] : []))
      if (ready.length > 0) {
        const { removal } = this.result
        const lookAgain = async () => {
          const roots = await this.#needs.list()
          const mark = async () => {
            await this.#needs.mark(roots)
            return this.#needs.missing === 0
          }
          return { mark, sessions: new Set(roots.map(({ sid }) => toHex(sid))) }
        }
        await carryOut(
          {
            ctx: this.#ctx,
            view: this.#view,
            index: this.#index,
            copier: this.#copier,
            copies: this.#copies,
            lookAgain,
          },
          ready,
          removal,
        )
      }
      const waiting = states.filter(({ waitingFor }) => waitingFor.length > 0)
      this.result.fenced = fenced + watch.fenced
      this.result.waiting = waiting.map(({ plan: { pid, packs, sessions }, waitingFor }) => {
        return { pid, packs: packs.size, keys: sessions.size, waitingFor }
      })
      if (waiting.length === 0 || !wait) return
      assert(sleep !== undefined, 'who waits can sleep')
      await sleep(LOOK_MS)
    }
  }
}

function packsOf(uses: readonly PackUse[]): PackInfo[] {
  return uses.map(({ pack }) => pack)
}
