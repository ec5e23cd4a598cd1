// What one domain needs, as far as its snapshots say: they are listed, and the trees of each are walked once.
import { settle } from '../../repo/objects/settle.ts'
import type { PruneContext } from './context.ts'
import { DamagedRoots, damagedTrees } from './damaged-roots.ts'
import type { IndexView } from './index-view.ts'
import { letGoOfLeftOvers } from './left-over-copies.ts'
import { checkNothingIsMissing } from './limits.ts'
import { isDamage, Mark } from './mark.ts'
import type { PruneOptions } from './options.ts'
import type { DomainResult } from './report.ts'
import { Roots } from './roots.ts'
import type { Root } from './roots.ts'

export interface RootWalkParts {
  readonly view: IndexView
  readonly result: DomainResult
  /** Called when the view was read anew because a pack was gone. */
  readonly onGone: () => void
}

export class RootWalk {
  readonly roots: Roots
  readonly #ctx: PruneContext
  readonly #opts: PruneOptions
  readonly #parts: RootWalkParts
  readonly #mark: Mark
  /** Snapshots whose trees were walked, by hash. */
  readonly #walked = new Set<string>()

  constructor(ctx: PruneContext, opts: PruneOptions, parts: RootWalkParts) {
    this.#ctx = ctx
    this.#opts = opts
    this.#parts = parts
    const { repo, check, onEvent } = ctx
    const { view, onGone } = parts
    this.roots = new Roots(repo)
    this.#mark = new Mark({
      repo,
      packs: () => view.packs,
      threads: opts.threads,
      check,
      onNodes: (nodes) =>
        onEvent({ type: 'progress', phase: 'reading trees', filesDone: nodes, bytesDone: 0, unit: 'folders' }),
      onGone: async () => {
        await view.refresh(check)
        onGone()
      },
    })
  }

  /** Different nodes of trees so far. */
  get nodes(): number {
    return this.#mark.nodes
  }

  /** What is needed and in no pack. */
  get missing(): number {
    return this.#mark.missing
  }

  /** Lets the threads go that read trees. */
  rest(): Promise<void> {
    return this.#mark.rest()
  }

  async list(): Promise<readonly Root[]> {
    const { repo, clock, check } = this.#ctx
    const { result, view } = this.#parts
    const roots = await this.roots.list(check).catch(async (error: unknown) => {
      if (!(await this.#letsGo(error))) throw error
      return this.roots.list(check)
    })
    // What the index said before a snapshot was there shows.
    await settle(repo.store, clock)
    result.snapshots = roots.length
    result.inTrash = roots.filter(({ inTrash }) => inTrash).length
    await result.older?.countSnapshots(this.#ownOf(roots), view)
    return roots
  }

  /** Walks the trees of those that were not walked before: afterwards the table of packs says what they need. */
  async mark(roots: readonly Root[]): Promise<void> {
    try {
      await this.#walk(roots)
    } catch (error) {
      // Somebody may have purged a snapshot since it was listed, and another prune what it needed.
      if (!isDamage(error)) throw error
      await this.#letsGo(error)
      const now = await this.list()
      const present = new Set(now.map(({ id }) => id))
      if (roots.every(({ id }) => present.has(id))) throw error
      // What a walk has noted that broke off in the middle is of no use: nodes wait in it that were never read.
      this.#mark.forget()
      this.#walked.clear()
      await this.#parts.view.refresh(this.#ctx.check)
      await this.mark(now)
    }
  }

  /** Whether what stands in the way lay in the trash, was nobody's, and is gone. */
  async #letsGo(error: unknown): Promise<boolean> {
    if (!(error instanceof DamagedRoots) || this.#opts.dryRun === true) return false
    return letGoOfLeftOvers(this.#ctx, error)
  }

  async #walk(roots: readonly Root[]): Promise<void> {
    const { repo } = this.#ctx
    const own = this.#ownOf(roots).filter((root) => !this.#walked.has(root.id))
    // What is in place first: where only the trash is damaged, that is what can be let go.
    for (const inTrash of [false, true]) {
      await this.#walkWhole(own.filter((root) => root.confirmed && root.inTrash === inTrash))
    }
    const unconfirmed = own.filter(({ confirmed }) => !confirmed)
    await this.#mark.trees(
      unconfirmed.map(({ body }) => body.root),
      { tolerant: true },
    )
    for (const { id } of unconfirmed) this.#walked.add(id)
    await this.#mark.rest()
    checkNothingIsMissing(this.#mark, this.#opts, repo.store.location)
  }

  #ownOf(roots: readonly Root[]): readonly Root[] {
    const { repo } = this.#ctx
    return roots.filter((root) => repo.of(root) === repo)
  }

  /** Throws where one of these has a tree that cannot be read, and names all of them that have: damage is not garbage. */
  async #walkWhole(roots: readonly Root[]): Promise<void> {
    const damaged: Root[] = []
    let damage: unknown
    for (const root of roots) {
      try {
        await this.#mark.trees([root.body.root], { tolerant: false })
        this.#walked.add(root.id)
      } catch (error) {
        if (!isDamage(error)) throw error
        damage ??= error
        damaged.push(root)
        // Nodes wait in it that were never read.
        this.#mark.forget()
      }
    }
    if (damaged.length > 0) throw damagedTrees(damaged, damage)
  }
}
