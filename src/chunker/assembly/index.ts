// The exports of kernel.wasm. Addresses are offsets into the linear memory, which the host creates and hands in.
//
//   0 … __heap_base      static data of this module: tables and scratch blocks
//   arenaBase() …        the arena, then chaining values of the hash; laid out by src/chunker/kernel.ts
import { GEAR } from './gear'

export { setCutParameters, cut } from './gear'
export { blake3, blake3Chunks, blake3Root } from './blake3'
export { zeroPrefix } from './zero'

export function gearTable(): usize {
  return GEAR
}

/** First address the host may use, aligned to 64 KiB. */
export function arenaBase(): usize {
  return (__heap_base + 0xffff) & ~0xffff
}
