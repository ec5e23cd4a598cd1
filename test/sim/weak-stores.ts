// Mistakes that a backup could make, as stores that stand between it and its store: each breaks one rule, and a test that
// does not notice is no test of that rule.
import type { ListPage, ObjectInfo, PutResult, Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'

/**
 * Does not wait until what it puts under some prefixes is safe, nor looks whether it ever is: it is on its way at the latest
 * moment, together with what is put under another.
 */
export class Impatient extends Passing {
  readonly #prefixes: readonly string[]
  readonly #until: string
  #under: (() => void)[] = []

  constructor(inner: Store, prefixes: readonly string[], until: string) {
    super(inner)
    this.#prefixes = prefixes
    this.#until = until
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith(this.#until)) {
      for (const begin of this.#under.splice(0)) begin()
    }
    if (!this.#prefixes.some((prefix) => name.startsWith(prefix))) return this.inner.put(name, parts)
    const copies = parts.map((part) => part.slice())
    this.#under.push(() => void this.inner.put(name, copies).catch(() => {}))
    return { created: true }
  }
}

/** Holds back what is put under a prefix until something is put under another. */
export class Late extends Passing {
  readonly #prefix: string
  readonly #until: string
  #held: { readonly name: string; readonly parts: readonly Uint8Array[] }[] = []

  constructor(inner: Store, prefix: string, until: string) {
    super(inner)
    this.#prefix = prefix
    this.#until = until
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith(this.#prefix)) {
      this.#held.push({ name, parts: parts.map((part) => part.slice()) })
      return { created: true }
    }
    const done = await this.inner.put(name, parts)
    if (!name.startsWith(this.#until)) return done
    const held = this.#held
    this.#held = []
    for (const each of held) await this.inner.put(each.name, each.parts)
    return done
  }
}

/** Believes that its session goes on. */
export class Trusting extends Passing {
  override async stat(name: string): Promise<ObjectInfo | null> {
    return name.startsWith('sess/') ? { name, size: 0, receivedMs: 0 } : this.inner.stat(name)
  }
}

/** Takes no notice of plans. */
export class Planless extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    return prefix === 'gc/' ? { objects: [], cursor: undefined } : this.inner.list(prefix, cursor)
  }
}

/** Takes a list that cannot be had for an empty one. */
export class Careless extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.inner.list(prefix, cursor).catch(() => ({ objects: [], cursor: undefined }))
  }
}

/** Reads the index before it declares itself. */
export class Hasty extends Passing {
  #page: Promise<ListPage> | undefined

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith('sess/') && this.#page === undefined) {
      this.#page = this.inner.list('index/')
      await this.#page
    }
    return this.inner.put(name, parts)
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    return prefix === 'index/' && this.#page !== undefined ? this.#page : this.inner.list(prefix, cursor)
  }
}

/** Removes what an earlier run seems to have left behind. */
export class Tidying extends Passing {
  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.endsWith('.end')) await this.inner.delete(name.slice(0, -'.end'.length))
    return this.inner.put(name, parts)
  }
}

/** Takes no notice of sessions: does not wait for those that may not have read its plan. */
export class Sessionless extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    return prefix === 'sess/' ? { objects: [], cursor: undefined } : this.inner.list(prefix, cursor)
  }
}

/** Does not look again: sees no snapshots but those that there were when it looked first. */
export class Stubborn extends Passing {
  readonly #first = new Map<string, ReadonlySet<string>>()

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await this.inner.list(prefix, cursor)
    if (prefix !== 'snap/' && prefix !== 'trash/') return page
    const key = `${prefix} ${cursor}`
    const known = this.#first.get(key) ?? new Set(page.objects.map(({ name }) => name))
    this.#first.set(key, known)
    return { ...page, objects: page.objects.filter(({ name }) => known.has(name)) }
  }
}
