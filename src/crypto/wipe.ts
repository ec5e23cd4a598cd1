/**
 * Overwrites secrets that are not needed any more. It shortens the time they can be read from a core dump or from swap;
 * it promises nothing, as strings and copies made by the garbage collector cannot be reached.
 */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0)
}
