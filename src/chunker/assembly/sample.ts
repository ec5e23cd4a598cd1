// How much a compressor could gain, judged from single bytes.

const COUNTS: usize = memory.data(1024, 16)

/** At most this many bytes are looked at, in windows spread evenly over the input. */
const SAMPLE_WINDOWS: u32 = 16
const SAMPLE_WINDOW_LENGTH: u32 = 1024

/**
 * Probability that two different bytes of the sample are equal, times 256: 1 for random bytes, more for anything with
 * structure. (Without replacement, so that the size of the sample does not show.) 256 if there are fewer than two bytes.
 */
export function collisions(start: usize, length: u32): f64 {
  memory.fill(COUNTS, 0, 1024)
  let n: u64 = 0
  if (length <= SAMPLE_WINDOWS * SAMPLE_WINDOW_LENGTH) {
    count(start, length)
    n = length
  } else {
    const stride = (length - SAMPLE_WINDOW_LENGTH) / (SAMPLE_WINDOWS - 1)
    for (let i: u32 = 0; i < SAMPLE_WINDOWS; i++) count(start + i * stride, SAMPLE_WINDOW_LENGTH)
    n = SAMPLE_WINDOWS * SAMPLE_WINDOW_LENGTH
  }
  if (n < 2) return 256
  let pairs: u64 = 0
  for (let at: usize = COUNTS; at < COUNTS + 1024; at += 4) {
    const c: u64 = load<u32>(at)
    if (c > 0) pairs += c * (c - 1)
  }
  return 256 * <f64>pairs / (<f64>n * <f64>(n - 1))
}

function count(start: usize, length: u32): void {
  for (let p = start, end = start + length; p < end; p++) {
    const at = COUNTS + (<usize>load<u8>(p) << 2)
    store<u32>(at, load<u32>(at) + 1)
  }
}
