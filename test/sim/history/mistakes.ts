// Mistakes that somebody in a history might make, as stores that stand between him and his store. Each has to be found out by
// what is lost within a number of histories: otherwise the histories prove little.
import type { ListPage, Store } from '../../../src/store/store.ts'
import { Passing } from '../../../src/store/passing-store.ts'
import { Planless, Trusting } from '../weak-stores.ts'
import type { Mistake } from './history.ts'
import type { Role } from './steps.ts'

const NOTHING: ListPage = { objects: [], cursor: undefined }

/** Lists under some prefixes are empty, or are what they were when they were asked for first. */
class Blind extends Passing {
  readonly #prefixes: readonly string[]
  readonly #once: boolean
  readonly #first = new Map<string, Promise<ListPage>>()

  constructor(inner: Store, prefixes: readonly string[], once: boolean) {
    super(inner)
    this.#prefixes = prefixes
    this.#once = once
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    if (!this.#prefixes.some((each) => prefix.startsWith(each))) return super.list(prefix, cursor)
    if (!this.#once) return Promise.resolve(NOTHING)
    const key = `${prefix} ${cursor ?? ''}`
    let page = this.#first.get(key)
    if (page === undefined) this.#first.set(key, (page = super.list(prefix, cursor)))
    return page
  }
}

/** Believes that lists show what is there. */
class Restless extends Passing {
  override get listLagMs(): number {
    return 0
  }
}

function by(role: Role, wrap: (store: Store) => Store, sleepAt?: Mistake['sleepAt']): Mistake {
  return { wrap: (who, store) => (who === role ? wrap(store) : store), ...(sleepAt && { sleepAt }) }
}

const restless = (role: Role): Mistake => ({ ...by(role, (store) => new Restless(store)), lag: true })

export const MISTAKES: Readonly<Record<string, Mistake>> = {
  'a backup that takes no notice of plans': by('backup', (store) => new Planless(store), {
    role: 'prune',
    step: 'delete index',
  }),
  'a backup that does not look for its intent again': by('backup', (store) => new Trusting(store)),
  'a prune that waits for nobody': by('prune', (store) => new Blind(store, ['sess/'], false)),
  'a prune that does not look at the snapshots again': by(
    'prune',
    (store) => new Blind(store, ['snap/', 'trash/'], true),
  ),
  'a backup that makes no pauses where lists lag': restless('backup'),
  'a prune that does not look into the trash': by('prune', (store) => new Blind(store, ['trash/'], false)),
}
