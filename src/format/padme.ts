/**
 * The size a pack is padded to (docs/format.md, 4): lengths keep only their top bits, so that at most 12 % is added and a
 * length tells O(log log L) bits. Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", PETS 2019, section 4.4. `length` is in bytes, 0 to 2^52.
 */
export function padme(length: number): number {
  if (length < 2) return length
  const exponent = floorLog2(length)
  const keptBits = floorLog2(exponent === 0 ? 1 : exponent) + 1
  // Products, not shifts: lengths may pass 32 bits.
  const unit = 2 ** Math.max(0, exponent - keptBits)
  return Math.ceil(length / unit) * unit
}

function floorLog2(n: number): number {
  // Math.log2 rounds to nearest and may say 3 for 2^3-1 at large sizes; clz32 is exact.
  return n < 0x1_0000_0000 ? 31 - Math.clz32(n) : 63 - Math.clz32(Math.floor(n / 0x1_0000_0000))
}
