// Where a directory is in a walk: the names from the source down to it, and its path, which is put together when somebody
// asks. Paths may have thousands of levels, so not every directory keeps its own.

/** Bytes of a path that are kept with a directory; longer ones are put together when they are asked for. */
const KEPT_PATH_MAX = 4096
/** One in so many of the longer ones is kept too: 8 MiB at the greatest depth, and no path is put together from many. */
const KEPT_PATH_LEVELS = 256
const SLASH = 0x2f

export class WalkPlace {
  /** Null for the top, which holds the sources and is no directory of the file system. */
  readonly parent: WalkPlace | null
  /** Raw bytes; of a source, its whole path. */
  readonly name: Uint8Array
  /** Sources have 1, the top has 0. */
  readonly depth: number
  /** Bytes of the path, without making it. */
  readonly pathLength: number
  #path: Uint8Array | undefined

  constructor(parent: WalkPlace | null, name: Uint8Array) {
    this.parent = parent
    this.name = name
    this.depth = parent === null ? 0 : parent.depth + 1
    this.pathLength = parent === null || parent.parent === null ? name.length : parent.pathLength + 1 + name.length
  }

  static top(): WalkPlace {
    return new WalkPlace(null, new Uint8Array(0))
  }

  /** Path of the directory, or of `name` in it; raw bytes. */
  path(name?: Uint8Array): Uint8Array {
    const own = this.#path ?? this.#makePath()
    if (name === undefined) return own
    if (this.parent === null) return name
    const slash = own.at(-1) === SLASH ? 0 : 1
    const path = new Uint8Array(own.length + slash + name.length)
    path.set(own)
    if (slash === 1) path[own.length] = SLASH
    path.set(name, own.length + slash)
    return path
  }

  #makePath(): Uint8Array {
    const path = this.depth < 2 ? this.name : joinPath(...this.#wayFromKept())
    if (path.length <= KEPT_PATH_MAX || this.depth % KEPT_PATH_LEVELS === 0) this.#path = path
    return path
  }

  /** Path of the nearest directory above whose path is there, and the names from there on down to this one. */
  #wayFromKept(): [kept: Uint8Array, names: Uint8Array[]] {
    const names = [this.name]
    let above = this.parent!
    for (; above.#path === undefined && above.depth > 1; above = above.parent!) names.push(above.name)
    return [above.#path ?? above.name, names.toReversed()]
  }
}

function joinPath(start: Uint8Array, names: readonly Uint8Array[]): Uint8Array {
  let end = start.at(-1) === SLASH ? start.length - 1 : start.length // a source may be `/` itself
  const path = new Uint8Array(names.reduce((length, name) => length + 1 + name.length, end))
  path.set(start.subarray(0, end))
  for (const name of names) {
    path[end] = SLASH
    path.set(name, end + 1)
    end += 1 + name.length
  }
  return path
}
