// How the C library keeps memory that was freed.
import { libc } from './libc.ts'

/**
 * Has buffers of 512 KiB and more given back to the system as soon as they are freed. By itself glibc raises that limit to
 * the largest buffer it has seen, and then keeps the holes that blocks of changing sizes leave in its arenas. Measured
 * with the restore of a kernel tree: 389 MiB at most without, 252 MiB with, and no more processor time; at 128 KiB it took
 * a tenth more. For the whole process; call it once, before memory-hungry work. Does nothing where there is no glibc.
 */
export function returnLargeBuffers(from = THRESHOLD): void {
  libc()?.mallopt?.(M_MMAP_THRESHOLD, from)
}

/**
 * Collects garbage, which Node puts off where most of the memory is arrays outside of its heap, and gives back to the system what
 * the C library keeps of memory that was freed: in the holes between what is used, and of all threads. It takes 60 ms with a heap
 * of 50 MB. Does only the half that it can where Node was not started with `--expose-gc`, as the launcher does, or without glibc.
 */
export function returnFreeMemory(): void {
  globalThis.gc?.()
  libc()?.malloc_trim?.(0)
}

const M_MMAP_THRESHOLD = -3
const THRESHOLD = 512 * 1024
