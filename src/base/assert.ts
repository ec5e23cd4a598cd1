/** Thrown for a bug in Holdfast itself; never caught, never retried. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed'
}

/** States what must be true; what merely may happen (a full disk, a lying server) is a BackupError instead. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailed(what)
}

/** Marks a branch the types rule out. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected value ${String(value)}`)
}
