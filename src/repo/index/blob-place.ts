/** Where a blob lies: the number of a block (the caller's table), and its place in that block's plaintext. */
export interface BlobPlace {
  readonly block: number
  readonly offset: number
  readonly length: number
}
