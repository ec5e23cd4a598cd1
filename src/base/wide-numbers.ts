// Integers of 64 bits in columns of doubles, which pass between threads at once: two halves of 32 bits each.

const LOW_HALF = 0xffff_ffffn

/** Puts the halves of `value`, which is not negative, into two places from `at` on. */
export function packWide(value: bigint, into: Float64Array, at: number): void {
  into[at] = Number(value & LOW_HALF)
  into[at + 1] = Number(value >> 32n)
}

export function unpackWide(from: Float64Array, at: number): bigint {
  const high = from[at + 1]!
  return high === 0 ? BigInt(from[at]!) : (BigInt(high) << 32n) | BigInt(from[at]!)
}
