// Content-defined cutting: FastCDC (Xia et al., USENIX ATC 2016; IEEE TPDS 2020) with a keyed 64-bit Gear table.
// src/chunker/README.md has the definition that docs/format.md includes; src/chunker/reference.ts is the plain twin.
//
// The Gear hash at position p is the sum of GEAR[b[p - 1 - i]] << i for i = 0 to 63: each byte is shifted out after 64
// steps, so whether p can be a cut depends on the 64 bytes before it and on nothing else.

/** 256 entries of 8 bytes, filled by the host. */
export const GEAR: usize = memory.data(2048, 64)

const WINDOW: u32 = 64

let minLength: u32 = 0
let averageLength: u32 = 0
let maxLength: u32 = 0
/** A position is a cut when its hash is below the limit: 2^64 / (4 average) before the average, 2^64 / (average / 4) from there on. */
let limitBefore: u64 = 0
let limitAfter: u64 = 0

export function setCutParameters(min: u32, average: u32, max: u32): void {
  minLength = min
  averageLength = average
  maxLength = max
  const bits: u64 = 31 - clz(average)
  limitBefore = (<u64>1) << (64 - (bits + 2))
  limitAfter = (<u64>1) << (64 - (bits - 2))
}

// @ts-ignore: decorator
@inline
function step(h: u64, p: usize): u64 {
  return (h << 1) + load<u64>(GEAR + (<usize>load<u8>(p) << 3))
}

/** First position of [from, to) whose hash is below `limit`, else `to`. Positions are addresses; 64 bytes lie before `from`. */
function scan(from: usize, to: usize, limit: u64): usize {
  let h: u64 = 0
  for (let p = from - WINDOW; p < from; p++) h = step(h, p)
  let p = from
  for (; p + 4 <= to; p += 4) {
    if (h < limit) return p
    h = step(h, p)
    if (h < limit) return p + 1
    h = step(h, p + 1)
    if (h < limit) return p + 2
    h = step(h, p + 2)
    if (h < limit) return p + 3
    h = step(h, p + 3)
  }
  for (; p < to; p++) {
    if (h < limit) return p
    h = step(h, p)
  }
  return to
}

/**
 * Length of the chunk that begins at `start`, given that `length` bytes are there and, if `final`, that no more follow.
 * 0: the answer depends on bytes that are not there yet.
 */
export function cut(start: usize, length: u32, final: bool): u32 {
  if (length > minLength) {
    const end = start + min(length, maxLength)
    const middle = min(end, start + averageLength)
    let p = scan(start + minLength, middle, limitBefore)
    if (p < middle) return <u32>(p - start)
    if (middle < end) {
      p = scan(middle, end, limitAfter)
      if (p < end) return <u32>(p - start)
    }
    if (length >= maxLength) return maxLength
  }
  return final ? length : 0
}
