// How content is compressed, as it is asked for.

/** A method that says all there is to know about it. */
export type FixedMethod =
  | { readonly name: 'none' }
  | { readonly name: 'lz4' }
  /** Level -7 to 19, but not 0. */
  | { readonly name: 'zstd'; readonly level: number }
  /** Preset 0 to 9. */
  | { readonly name: 'xz'; readonly level: number }
