// Zero bytes: how many a stretch begins with.

/** How many of the `length` bytes at `start` are zero before the first that is not. */
export function zeroPrefix(start: usize, length: u32): u32 {
  const end = start + length
  let p = start
  while (p + 64 <= end) {
    const any = v128.or(
      v128.or(v128.load(p), v128.load(p, 16)),
      v128.or(v128.load(p, 32), v128.load(p, 48)),
    )
    if (v128.any_true(any)) break
    p += 64
  }
  while (p < end && load<u8>(p) == 0) p++
  return <u32>(p - start)
}
