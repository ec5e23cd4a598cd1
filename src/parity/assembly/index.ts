// The exports of kernel.wasm: sums and products of byte strings over GF(2^8). Addresses are offsets into the linear memory,
// which the host creates and hands in; it begins with the tables.

/** Of each factor the products with 0 to 15, then those with 0, 16 … 240; filled by the host. */
const PRODUCTS: usize = memory.data(256 * 32, 16)

export function products(): usize {
  return PRODUCTS
}

/** First address the host may use. */
export function arenaBase(): usize {
  return (__heap_base + 15) & ~15
}

/** Adds `factor` times the bytes at `from` to those at `into`; `length` is a multiple of 32. */
export function addProduct(into: usize, from: usize, length: u32, factor: u32): void {
  const end = from + length
  if (factor == 1) {
    for (; from < end; from += 32, into += 32) {
      v128.store(into, v128.xor(v128.load(into), v128.load(from)))
      v128.store(into, v128.xor(v128.load(into, 16), v128.load(from, 16)), 16)
    }
    return
  }
  const low = v128.load(PRODUCTS + factor * 32)
  const high = v128.load(PRODUCTS + factor * 32, 16)
  const nibble = i8x16.splat(15)
  for (; from < end; from += 32, into += 32) {
    const a = v128.load(from)
    const b = v128.load(from, 16)
    const pa = v128.xor(i8x16.swizzle(low, v128.and(a, nibble)), i8x16.swizzle(high, i8x16.shr_u(a, 4)))
    const pb = v128.xor(i8x16.swizzle(low, v128.and(b, nibble)), i8x16.swizzle(high, i8x16.shr_u(b, 4)))
    v128.store(into, v128.xor(v128.load(into), pa))
    v128.store(into, v128.xor(v128.load(into, 16), pb), 16)
  }
}
