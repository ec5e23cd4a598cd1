// How content is compressed, as it is asked for.

/** A method that says all there is to know about it. */
export type FixedMethod =
  | { readonly name: 'none' }
  | { readonly name: 'lz4' }
  /** Level -7 to 19, but not 0. */
  | { readonly name: 'zstd'; readonly level: number }
  /** Preset 0 to 9. */
  | { readonly name: 'xz'; readonly level: number }

/** `auto`: zstd at a level that follows what the backup waits for (src/ops/backup/auto-level.ts). */
export type Method = FixedMethod | { readonly name: 'auto' }

export const AUTO: Method = { name: 'auto' }

/** Methods of one backup: each worker may keep a bundle of a few megabytes open for each of them. */
export const METHODS_MAX = 8

export function sameMethod(a: Method, b: Method): boolean {
  return a.name === b.name && levelOf(a) === levelOf(b)
}

function levelOf(method: Method): number | undefined {
  return 'level' in method ? method.level : undefined
}
