// For whom a plan waits: the sessions that had begun when it was there to be seen, until each has ended, has its snapshot, or
// has been silent for so long that it is fenced.
//
// No safety depends on time here. Who is fenced too early begins anew; who is fenced too late keeps garbage a little longer.
import { doing } from '../../base/errors.ts'
import { sessionName } from '../../format/names.ts'
import type { PruneContext } from './context.ts'
import type { Roots } from './roots.ts'
import { listSessionNames, SessionReader } from './sessions.ts'
import type { Session } from './sessions.ts'
import { readWatch, writeWatch } from './watch-memory.ts'
import type { WatchedSession } from './watch-memory.ts'
import type { ListedPlan } from '../../repo/packs/condemned.ts'

/** A session shows a sign of life every hour; who has shown none for a day is taken for dead. */
export const SILENCE_MS = 24 * 3_600_000

export interface WaitingFor {
  /** Session, hex. */
  readonly sid: string
  readonly host: string
  readonly startedMs: number
  /** How long it has been silent while this machine watched. */
  readonly silentMs: number
}

export interface PlanState {
  readonly plan: ListedPlan
  /** Empty when it can be carried out. */
  readonly waitingFor: readonly WaitingFor[]
}

export class SessionWatch {
  readonly #ctx: PruneContext
  readonly #roots: Roots
  readonly #reader: SessionReader
  readonly #silenceMs: number
  /** By the clock that only grows, of sessions that this process has looked at. */
  readonly #lookedAt = new Map<string, number>()
  fenced = 0

  constructor(ctx: PruneContext, roots: Roots, silenceMs: number) {
    this.#ctx = ctx
    this.#roots = roots
    this.#reader = new SessionReader(ctx.repo)
    this.#silenceMs = silenceMs
  }

  /**
   * One look: which plans can be carried out, and for whom the others wait. Whoever is listed here after the plans were
   * acknowledged to us, or remembered from an earlier look, may not have read them. Fences who has been silent too long.
   */
  async look(plans: readonly ListedPlan[]): Promise<PlanState[]> {
    const { repo, state } = this.#ctx
    const names = await listSessionNames(repo)
    // After the sessions: one that is committed has its snapshot in this list.
    const sessions = await this.#reader.sessions(names, await this.#roots.list(this.#ctx.check))
    const remembered = await readWatch(repo, state)
    const open = new Map<string, WatchedSession & Session>()
    for (const session of sessions) {
      if (session.state !== 'open' && session.state !== 'unsound') continue
      // A damaged one does not say of which domain it is, and it confirms the snapshot.
      if (session.state === 'unsound' && (await this.#roots.isOfOthers(session.sid))) continue
      const watched = this.#watched(session, remembered.sessions.get(session.sid))
      if (session.state === 'open' && watched.silentMs < this.#silenceMs)
        open.set(session.sid, { ...session, ...watched })
      else await this.#fence(session.sid)
    }
    const seenGone = new Set(sessions.flatMap(({ sid, state: now }) => (now === 'gone' ? [sid] : [])))
    const states = await Promise.all(
      plans.map(async (plan) => {
        const before = remembered.plans.get(plan.pid) ?? sessions.map(({ sid }) => sid)
        const waiting = before.filter((sid) => open.has(sid))
        const gone = before.filter((sid) => names.get(sid)?.hasIntent !== true || seenGone.has(sid))
        // Somebody else may have fenced it, and that it is gone may not survive a power cut: then it would believe to be alive.
        for (const sid of gone) await this.#ctx.repo.store.delete(sessionName(sid))
        return { plan, sids: waiting, waitingFor: waiting.map((sid) => open.get(sid)!) }
      }),
    )
    await writeWatch(repo, state, {
      sessions: new Map([...open].map(([sid, { beat, silentMs, lookedMs }]) => [sid, { beat, silentMs, lookedMs }])),
      plans: new Map(states.map(({ plan, sids }) => [plan.pid, sids])),
    })
    return states.map(({ plan, waitingFor }) => ({
      plan,
      waitingFor: waitingFor.map(({ sid, host, startedMs, silentMs }) => ({ sid, host, startedMs, silentMs })),
    }))
  }

  #watched({ sid, beat }: Session, before: WatchedSession | undefined): WatchedSession {
    const { clock } = this.#ctx
    const lookedAt = this.#lookedAt.get(sid)
    const now = clock.monotonic()
    this.#lookedAt.set(sid, now)
    const lookedMs = clock.now()
    if (before === undefined || before.beat !== beat) return { beat, silentMs: 0, lookedMs }
    // Between two runs there is the clock on the wall alone.
    const passed = lookedAt === undefined ? Math.max(0, lookedMs - before.lookedMs) : now - lookedAt
    return { beat, silentMs: before.silentMs + passed, lookedMs }
  }

  async #fence(sid: string): Promise<void> {
    const { repo, onEvent } = this.#ctx
    const name = sessionName(sid)
    const wasThere = await doing('fencing a session', name, () => repo.store.delete(name))
    if (!wasThere) return
    this.fenced++
    onEvent({
      type: 'notice',
      message: `session ${sid.slice(0, 8)} has shown no sign of life for too long and is taken for dead`,
    })
  }
}
