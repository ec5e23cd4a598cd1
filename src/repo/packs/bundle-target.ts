// How much plaintext a block bundles. A larger bundle compresses better, a smaller one makes a single blob cheaper to read.
import type { PackKind } from '../../format/names.ts'

/** Bytes at which a bundle is closed. */
const TARGETS: Readonly<Record<PackKind, number>> = {
  data: 2 * 1024 * 1024,
  // Content is read in the order in which it was stored; nodes of trees come from wherever their folder last changed, and
  // each costs opening its whole block. References hardly compress, so smaller bundles take no more room (decision 0005).
  meta: 256 * 1024,
}
/** A pack holds some bundles at least, however small it is. */
const BUNDLES_PER_PACK = 8

/** Plaintext at which a bundle is closed, in bytes, in a repository with packs of `packSize`. */
export function bundleTargetFor(kind: PackKind, packSize: number): number {
  return Math.min(TARGETS[kind], packSize / BUNDLES_PER_PACK)
}
