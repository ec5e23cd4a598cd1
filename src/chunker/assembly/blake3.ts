// BLAKE3 in its keyed mode (O'Connor, Aumasson, Neves, Wilcox-O'Hearn: "BLAKE3, one function, fast everywhere", 2020).
// Four 1 KiB chunks, or four parents, go through the compression function side by side, one in each 32-bit lane of a
// v128; what is left over goes block by block. All inputs lie in linear memory.
//
// Input lengths stay below 4 GiB, so the upper half of every chunk counter is zero.
import { compress1, IV0, IV1, IV2, IV3 } from './blake3-block'

const BLOCK_LENGTH: u32 = 64
const CHUNK_LENGTH: u32 = 1024
const CV_LENGTH: u32 = 32

const CHUNK_START: u32 = 1
const CHUNK_END: u32 = 2
const PARENT: u32 = 4
const ROOT: u32 = 8
const KEYED_HASH: u32 = 16

/** Transposed message of four blocks: word w of all four lanes lies at 16 w. */
const MESSAGE: usize = memory.data(256, 16)
/** The last block of an input, filled up with zeros. */
const PADDED_BLOCK: usize = memory.data(64, 16)

/** Message word of each step of each round, as byte offsets into MESSAGE: the BLAKE3 permutation, applied 0 to 6 times. */
const SCHEDULE: usize = memory.data<u8>([
  0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
  32, 96, 48, 160, 112, 0, 64, 208, 16, 176, 192, 80, 144, 224, 240, 128,
  48, 64, 160, 192, 208, 32, 112, 224, 96, 80, 144, 0, 176, 240, 128, 16,
  160, 112, 192, 144, 224, 48, 208, 240, 64, 0, 176, 32, 80, 128, 16, 96,
  192, 208, 144, 176, 240, 160, 224, 128, 112, 32, 80, 48, 0, 16, 96, 64,
  144, 224, 176, 80, 128, 192, 240, 16, 208, 48, 0, 160, 32, 96, 64, 112,
  176, 240, 80, 0, 16, 144, 128, 96, 224, 160, 32, 192, 48, 64, 112, 208,
])

// @ts-ignore: decorator
@inline
function rotate16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

// @ts-ignore: decorator
@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 12), i32x4.shl(x, 20))
}

// @ts-ignore: decorator
@inline
function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
}

// @ts-ignore: decorator
@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25))
}

/** Word of step `step` in the round whose schedule begins at `schedule`. */
// @ts-ignore: decorator
@inline
function word(schedule: usize, step: usize): v128 {
  return v128.load(MESSAGE + <usize>load<u8>(schedule + step))
}

/** Transposes words 4 q to 4 q + 3 of four blocks that lie `stride` bytes apart into MESSAGE. */
// @ts-ignore: decorator
@inline
function transposeQuarter(input: usize, stride: usize, q: usize): void {
  const a = v128.load(input + 16 * q)
  const b = v128.load(input + stride + 16 * q)
  const c = v128.load(input + 2 * stride + 16 * q)
  const d = v128.load(input + 3 * stride + 16 * q)
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  const out = MESSAGE + 64 * q
  v128.store(out, v128.shuffle<i64>(ab01, cd01, 0, 2))
  v128.store(out, v128.shuffle<i64>(ab01, cd01, 1, 3), 16)
  v128.store(out, v128.shuffle<i64>(ab23, cd23, 0, 2), 32)
  v128.store(out, v128.shuffle<i64>(ab23, cd23, 1, 3), 48)
}

/** Writes half (words 4 to 7 when `offset` is 16) of four chaining values, given one word of all four in each argument. */
// @ts-ignore: decorator
@inline
function storeCvHalf(out: usize, offset: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(out + offset, v128.shuffle<i64>(ab01, cd01, 0, 2))
  v128.store(out + offset, v128.shuffle<i64>(ab01, cd01, 1, 3), 32)
  v128.store(out + offset, v128.shuffle<i64>(ab23, cd23, 0, 2), 64)
  v128.store(out + offset, v128.shuffle<i64>(ab23, cd23, 1, 3), 96)
}

/**
 * Compresses four inputs of `blocks` whole blocks each, which begin `stride` bytes apart; writes four chaining values
 * next to one another. `counterStep` is 1 for chunks, 0 for parents.
 */
function compress4(
  key: usize, input: usize, stride: usize, blocks: u32, counter: u32, counterStep: u32,
  flags: u32, flagsFirst: u32, flagsLast: u32, out: usize,
): void {
  let h0 = v128.load32_splat(key)
  let h1 = v128.load32_splat(key, 4)
  let h2 = v128.load32_splat(key, 8)
  let h3 = v128.load32_splat(key, 12)
  let h4 = v128.load32_splat(key, 16)
  let h5 = v128.load32_splat(key, 20)
  let h6 = v128.load32_splat(key, 24)
  let h7 = v128.load32_splat(key, 28)
  const counters = i32x4.add(i32x4.splat(counter), i32x4.mul(i32x4.splat(counterStep), i32x4(0, 1, 2, 3)))
  for (let block: u32 = 0; block < blocks; block++) {
    transposeQuarter(input, stride, 0)
    transposeQuarter(input, stride, 1)
    transposeQuarter(input, stride, 2)
    transposeQuarter(input, stride, 3)
    input += BLOCK_LENGTH

    let f = flags
    if (block == 0) f |= flagsFirst
    if (block == blocks - 1) f |= flagsLast

    let v0 = h0, v1 = h1, v2 = h2, v3 = h3, v4 = h4, v5 = h5, v6 = h6, v7 = h7
    let v8 = i32x4.splat(IV0), v9 = i32x4.splat(IV1), va = i32x4.splat(IV2), vb = i32x4.splat(IV3)
    let vc = counters, vd = i32x4.splat(0), ve = i32x4.splat(BLOCK_LENGTH), vf = i32x4.splat(f)

    for (let s = SCHEDULE; s < SCHEDULE + 7 * 16; s += 16) {
      // Columns.
      v0 = i32x4.add(i32x4.add(v0, v4), word(s, 0))
      v1 = i32x4.add(i32x4.add(v1, v5), word(s, 2))
      v2 = i32x4.add(i32x4.add(v2, v6), word(s, 4))
      v3 = i32x4.add(i32x4.add(v3, v7), word(s, 6))
      vc = rotate16(v128.xor(vc, v0))
      vd = rotate16(v128.xor(vd, v1))
      ve = rotate16(v128.xor(ve, v2))
      vf = rotate16(v128.xor(vf, v3))
      v8 = i32x4.add(v8, vc)
      v9 = i32x4.add(v9, vd)
      va = i32x4.add(va, ve)
      vb = i32x4.add(vb, vf)
      v4 = rotate12(v128.xor(v4, v8))
      v5 = rotate12(v128.xor(v5, v9))
      v6 = rotate12(v128.xor(v6, va))
      v7 = rotate12(v128.xor(v7, vb))
      v0 = i32x4.add(i32x4.add(v0, v4), word(s, 1))
      v1 = i32x4.add(i32x4.add(v1, v5), word(s, 3))
      v2 = i32x4.add(i32x4.add(v2, v6), word(s, 5))
      v3 = i32x4.add(i32x4.add(v3, v7), word(s, 7))
      vc = rotate8(v128.xor(vc, v0))
      vd = rotate8(v128.xor(vd, v1))
      ve = rotate8(v128.xor(ve, v2))
      vf = rotate8(v128.xor(vf, v3))
      v8 = i32x4.add(v8, vc)
      v9 = i32x4.add(v9, vd)
      va = i32x4.add(va, ve)
      vb = i32x4.add(vb, vf)
      v4 = rotate7(v128.xor(v4, v8))
      v5 = rotate7(v128.xor(v5, v9))
      v6 = rotate7(v128.xor(v6, va))
      v7 = rotate7(v128.xor(v7, vb))
      // Diagonals.
      v0 = i32x4.add(i32x4.add(v0, v5), word(s, 8))
      v1 = i32x4.add(i32x4.add(v1, v6), word(s, 10))
      v2 = i32x4.add(i32x4.add(v2, v7), word(s, 12))
      v3 = i32x4.add(i32x4.add(v3, v4), word(s, 14))
      vf = rotate16(v128.xor(vf, v0))
      vc = rotate16(v128.xor(vc, v1))
      vd = rotate16(v128.xor(vd, v2))
      ve = rotate16(v128.xor(ve, v3))
      va = i32x4.add(va, vf)
      vb = i32x4.add(vb, vc)
      v8 = i32x4.add(v8, vd)
      v9 = i32x4.add(v9, ve)
      v5 = rotate12(v128.xor(v5, va))
      v6 = rotate12(v128.xor(v6, vb))
      v7 = rotate12(v128.xor(v7, v8))
      v4 = rotate12(v128.xor(v4, v9))
      v0 = i32x4.add(i32x4.add(v0, v5), word(s, 9))
      v1 = i32x4.add(i32x4.add(v1, v6), word(s, 11))
      v2 = i32x4.add(i32x4.add(v2, v7), word(s, 13))
      v3 = i32x4.add(i32x4.add(v3, v4), word(s, 15))
      vf = rotate8(v128.xor(vf, v0))
      vc = rotate8(v128.xor(vc, v1))
      vd = rotate8(v128.xor(vd, v2))
      ve = rotate8(v128.xor(ve, v3))
      va = i32x4.add(va, vf)
      vb = i32x4.add(vb, vc)
      v8 = i32x4.add(v8, vd)
      v9 = i32x4.add(v9, ve)
      v5 = rotate7(v128.xor(v5, va))
      v6 = rotate7(v128.xor(v6, vb))
      v7 = rotate7(v128.xor(v7, v8))
      v4 = rotate7(v128.xor(v4, v9))
    }
    h0 = v128.xor(v0, v8)
    h1 = v128.xor(v1, v9)
    h2 = v128.xor(v2, va)
    h3 = v128.xor(v3, vb)
    h4 = v128.xor(v4, vc)
    h5 = v128.xor(v5, vd)
    h6 = v128.xor(v6, ve)
    h7 = v128.xor(v7, vf)
  }
  storeCvHalf(out, 0, h0, h1, h2, h3)
  storeCvHalf(out, 16, h4, h5, h6, h7)
}

/** One chunk of 0 to 1,024 bytes; `finalFlags` is ROOT for an input that is a single chunk. */
function compressChunk(key: usize, input: usize, length: u32, counter: u32, finalFlags: u32, out: usize): void {
  let cv = key
  let flags = KEYED_HASH | CHUNK_START
  while (length > BLOCK_LENGTH) {
    compress1(cv, input, counter, BLOCK_LENGTH, flags, out)
    cv = out
    flags = KEYED_HASH
    input += BLOCK_LENGTH
    length -= BLOCK_LENGTH
  }
  let block = input
  if (length < BLOCK_LENGTH) {
    v128.store(PADDED_BLOCK, i64x2.splat(0))
    v128.store(PADDED_BLOCK, i64x2.splat(0), 16)
    v128.store(PADDED_BLOCK, i64x2.splat(0), 32)
    v128.store(PADDED_BLOCK, i64x2.splat(0), 48)
    memory.copy(PADDED_BLOCK, input, length)
    block = PADDED_BLOCK
  }
  compress1(cv, block, counter, length, flags | CHUNK_END | finalFlags, out)
}

/**
 * Chaining values of the chunks of `length` bytes, of which the first is chunk number `counter` of its input, written
 * next to one another; returns how many. Not for an input that is one single chunk. Up to 1 KiB after the input is read,
 * and `out` has room for one more.
 */
export function blake3Chunks(key: usize, input: usize, length: u32, counter: u32, out: usize): u32 {
  const first = counter
  while (length >= 3 * CHUNK_LENGTH) {
    // Three whole chunks are still faster this way; the fourth lane then hashes what follows, and its result is ignored.
    const n = min(length / CHUNK_LENGTH, 4)
    compress4(key, input, CHUNK_LENGTH, 16, counter, 1, KEYED_HASH, CHUNK_START, CHUNK_END, out)
    input += n * CHUNK_LENGTH
    length -= n * CHUNK_LENGTH
    counter += n
    out += n * CV_LENGTH
  }
  while (length > 0) {
    const n = min(length, CHUNK_LENGTH)
    compressChunk(key, input, n, counter, 0, out)
    input += n
    length -= n
    counter++
    out += CV_LENGTH
  }
  return counter - first
}

/** Joins `count` >= 2 chaining values at `cvs` to the hash, at `out`; overwrites them. Neighbours pair up level by level. */
export function blake3Root(key: usize, cvs: usize, count: u32, out: usize): void {
  while (count > 2) {
    const pairs = count >> 1
    let done: u32 = 0
    for (; done + 4 <= pairs; done += 4) {
      compress4(key, cvs + 64 * done, BLOCK_LENGTH, 1, 0, 0, KEYED_HASH | PARENT, 0, 0, cvs + CV_LENGTH * done)
    }
    for (; done < pairs; done++) {
      compress1(key, cvs + 64 * done, 0, BLOCK_LENGTH, KEYED_HASH | PARENT, cvs + CV_LENGTH * done)
    }
    if (count & 1) {
      // The odd one moves up unchanged.
      memory.copy(cvs + CV_LENGTH * pairs, cvs + CV_LENGTH * (count - 1), CV_LENGTH)
    }
    count = pairs + (count & 1)
  }
  compress1(key, cvs, 0, BLOCK_LENGTH, KEYED_HASH | PARENT | ROOT, out)
}

/** Keyed hash of `length` bytes; `cvs` has room for 32 bytes per KiB begun. `out` gets 32 bytes. */
export function blake3(key: usize, input: usize, length: u32, cvs: usize, out: usize): void {
  if (length <= CHUNK_LENGTH) {
    compressChunk(key, input, length, 0, ROOT, out)
  } else {
    blake3Root(key, cvs, blake3Chunks(key, input, length, 0, cvs), out)
  }
}
