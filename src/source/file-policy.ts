// What is asked for single files, by patterns on their paths: which attributes are not trusted when a file is compared with
// its last backup, which files are cut into blocks of one size, how they are compressed, and which are compared with what
// is stored.
import { sameMethod, type Method } from '../compress/method.ts'
import { textOfBytes } from './path-text.ts'
import type { ChangeOptions } from './change-detection.ts'
import { GlobList, type GlobPattern } from './glob-list.ts'
import { sourceLength } from './look-again.ts'

/** `all`: the file is read again and compared whatever its attributes say. */
export type Distrusted = 'ctime' | 'mtime' | 'inode' | 'all'
export const DISTRUSTED: readonly Distrusted[] = ['ctime', 'mtime', 'inode', 'all']

export interface FilePolicyOptions {
  /** For every file. */
  readonly changes?: ChangeOptions
  /** For files that a pattern matches; several add up. */
  readonly distrust?: readonly { readonly what: Distrusted; readonly pattern: GlobPattern }[]
  /** Files that are cut every `size` bytes instead of by their content: images of disks, databases. The last match counts. */
  readonly fixedBlocks?: readonly { readonly size: number; readonly pattern: GlobPattern }[]
  /** The last one counts that matches a file of at least `sizeMin` bytes. */
  readonly compression?: readonly CompressionRule[]
  /** Files whose chunks are compared with what is stored before they are deduplicated. The last match counts. */
  readonly compare?: readonly GlobPattern[]
}

export interface CompressionRule {
  readonly method: Method
  readonly sizeMin: number
  readonly pattern: GlobPattern
}

export class FilePolicy {
  readonly #changes: ChangeOptions
  readonly #distrust: NonNullable<FilePolicyOptions['distrust']>
  readonly #fixedBlocks: NonNullable<FilePolicyOptions['fixedBlocks']>
  readonly #compression: NonNullable<FilePolicyOptions['compression']>
  /** The methods of the rules, each once. */
  readonly methods: readonly Method[]
  readonly #compare: GlobList
  /** Raw paths of the sources, which patterns are relative to. */
  readonly #sources: readonly Uint8Array[]

  constructor(options: FilePolicyOptions, sources: readonly Uint8Array[]) {
    this.#changes = options.changes ?? {}
    this.#distrust = options.distrust ?? []
    this.#fixedBlocks = options.fixedBlocks ?? []
    this.#compression = options.compression ?? []
    const methods = this.#compression.map(({ method }) => method)
    this.methods = methods.filter((method, i) => methods.findIndex((other) => sameMethod(method, other)) === i)
    this.#compare = new GlobList(options.compare ?? [])
    this.#sources = sources
  }

  changesOf(file: { readonly path: Uint8Array }): ChangeOptions {
    if (this.#distrust.length === 0) return this.#changes
    const path = this.#relative(file.path)
    const distrusted = new Set(this.#distrust.filter(({ pattern }) => matches(pattern, path)).map(({ what }) => what))
    if (distrusted.size === 0) return this.#changes
    return {
      ...this.#changes,
      ...(distrusted.has('ctime') && { ignoreCtime: true }),
      ...(distrusted.has('mtime') && { ignoreMtime: true }),
      ...(distrusted.has('inode') && { ignoreInode: true }),
      ...(distrusted.has('all') && { alwaysRead: true }),
    }
  }

  /** Bytes of each block; 0 for files that are cut by their content. */
  blockSizeOf(file: { readonly path: Uint8Array }): number {
    if (this.#fixedBlocks.length === 0) return 0
    const path = this.#relative(file.path)
    return this.#fixedBlocks.findLast(({ pattern }) => matches(pattern, path))?.size ?? 0
  }

  /** Which of `methods` a file is compressed with, counted from 1; 0 when no rule names it. */
  methodOf(file: { readonly path: Uint8Array; readonly stat: { readonly size: number } }): number {
    const rules = this.#compression
    if (rules.length === 0) return 0
    const path = this.#relative(file.path)
    const rule = rules.findLast(({ sizeMin, pattern }) => file.stat.size >= sizeMin && matches(pattern, path))
    return rule === undefined ? 0 : 1 + this.methods.findIndex((method) => sameMethod(method, rule.method))
  }

  /** Whether there are patterns for files to compare. */
  get compares(): boolean {
    return this.#compare.patterns.length > 0
  }

  comparesStored(file: { readonly path: Uint8Array }): boolean {
    if (!this.compares) return false
    const path = this.#relative(file.path)
    const pattern = this.#compare.deciding(path, 1, path.lastIndexOf('/') + 1, false)
    return pattern !== undefined && !pattern.negated
  }

  /** `/a/b` below the longest source that holds it; of a source that is a file itself, its name. */
  #relative(path: Uint8Array): string {
    const length = sourceLength(path, this.#sources)
    const end = path[length - 1] === SLASH ? length - 1 : length
    return textOfBytes(path.subarray(end < path.length ? end : path.lastIndexOf(SLASH)))
  }
}

const SLASH = 0x2f

function matches(pattern: GlobPattern, path: string): boolean {
  return pattern.matches(path, 1, path.lastIndexOf('/') + 1, false)
}
