// What a repository asks of the place that keeps it: put, get, list, stat, delete. No rename, no append, no conditional
// write for safety (docs/format.md, "Principles"). Everything that talks to storage is a Store; everything that changes
// how one behaves (retry, faults, read-only, counting) is a Store around a Store and passes the same contract suite.

/** What `list` and `stat` tell of an object. */
export interface ObjectInfo {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** When the store received it, in milliseconds since 1970, by the store's clock. */
  readonly receivedMs: number
}

export interface ListPage {
  readonly objects: readonly ObjectInfo[]
  /** Pass it to `list` for the next page; undefined when this was the last one. */
  readonly cursor: string | undefined
}

export interface PutResult {
  /** False when an object of that name existed; it was left as it is. */
  readonly created: boolean
}

/** An object that is on its way into a store. It ends with `commit` or `discard`; until then nobody sees anything of it. */
export interface StagedObject {
  /**
   * Adds bytes, in the order of the calls, which need not wait for one another. They must not change until this resolves.
   * Throws as `put` does; after that `commit` throws the same.
   */
  append(parts: readonly Uint8Array[]): Promise<void>

  /** Stores what was appended, with the promises of `put`. */
  commit(name: string): Promise<PutResult>

  /** To be called once an hour: what shows no sign of life for a day is taken for the left-over of a dead process. */
  keepAlive(): Promise<void>

  /** Gives it up. Never throws. */
  discard(): Promise<void>
}

export interface Store {
  /** For messages and the configuration: a path or a URL without secrets. */
  readonly location: string

  /**
   * After so many milliseconds at most every list shows what was put and what was deleted; 0 where the next one does. Whoever
   * relies on being seen waits for so long (repo/objects/settle.ts). `get` and `stat` never lag.
   */
  readonly listLagMs: number

  /**
   * Stores an object whole: after a crash it is there with all its bytes or not at all, and once this resolves it
   * survives a power cut. Never overwrites: an existing object is left as it is and `created` is false.
   * The bytes are the concatenation of `parts`; they must not change until this resolves.
   * Throws `full`, `refused`, `io`, `unreachable`, `limit` (over `objectSizeMax` or a bad name is `usage`).
   */
  put(name: string, parts: readonly Uint8Array[]): Promise<PutResult>

  /**
   * Begins an object whose bytes come in pieces and whose name comes last. Absent where a store cannot: then who puts
   * holds all of it.
   */
  stage?(): StagedObject

  /**
   * The bytes of an object, or of the range [offset, offset + length) of it. Never shorter than asked for: an object
   * that ends early is `corrupt`. Throws `not-found` only when the store said so.
   * The array is the caller's alone, who may move it to another thread or release its memory.
   */
  get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array>

  /** Size and time of one object, or null when the store said that it is not there. */
  stat(name: string): Promise<ObjectInfo | null>

  /**
   * Objects whose names begin with `prefix`, in ascending order of name, at most LIST_PAGE_MAX a page. A failure
   * anywhere throws: a failed listing is never an empty or a short one. Whoever has put something before may rely on a
   * list of `index/`: what is on it survives a power cut, as what only shows does not (docs/format.md, 10).
   */
  list(prefix: string, cursor?: string): Promise<ListPage>

  /** Removes an object; true if it was there. In either case it stays away after a power cut. */
  delete(name: string): Promise<boolean>

  /**
   * Acknowledges an object that shows: when this gives true it survives a power cut, as one that the caller has put. False
   * when it is not there. Never makes one, which `put` would do, had somebody deleted it meanwhile.
   */
  keep(name: string): Promise<boolean>

  /**
   * The same as `delete`, and overwrites the bytes where they lie: they are gone as far as what is below the store writes in place. Absent
   * where a store cannot. A crash in between may leave them, under no name of an object.
   */
  shred?(name: string): Promise<boolean>

  /**
   * Puts the right bytes in the place of an object that is damaged, with the promises of `put`: nobody ever sees another
   * object than one of the two, and the damaged one is let go only when the other is acknowledged. For repairs alone, by
   * who has compared the bytes with what the name promises. False, and nothing is put, when there is no object of that name:
   * what somebody has deleted since it was found damaged does not come back. Absent where a store has no objects to repair.
   */
  replace?(name: string, parts: readonly Uint8Array[]): Promise<boolean>

  close(): Promise<void>
}

/** 64 MiB: two packs of the largest permitted size; bounds what a hostile store can make a client allocate. */
export const OBJECT_SIZE_MAX = 64 * 1024 * 1024
/** Objects a page of `list` may hold. */
export const LIST_PAGE_MAX = 1000
/** Longest object name in bytes; the longest that Holdfast makes has 172. */
export const NAME_LENGTH_MAX = 200

/** All objects under a prefix, page by page. */
export async function* listAll(store: Store, prefix: string): AsyncGenerator<ObjectInfo> {
  for await (const objects of listPages(store, prefix)) yield* objects
}

/** The same a page at a time, for where there may be hundreds of thousands. */
export async function* listPages(store: Store, prefix: string): AsyncGenerator<readonly ObjectInfo[]> {
  let cursor: string | undefined
  do {
    const page = await store.list(prefix, cursor)
    yield page.objects
    cursor = page.cursor
  } while (cursor !== undefined)
}
