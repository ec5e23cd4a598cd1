// Bounds the bytes of blocks that worker threads have handed on and nobody has taken into a pack yet. A worker cannot await
// anything in the middle of a job, so the count lies in shared memory and the thread itself waits for room.

/** Bytes under way at once, of all threads together; who has more is let through alone. */
const BYTES_MAX = 16 * 1024 * 1024

export class BlockCredit {
  /** The bytes under way, and how many threads wait; passes between threads. */
  readonly shared: Int32Array<SharedArrayBuffer>

  constructor(shared = new Int32Array(new SharedArrayBuffer(8))) {
    this.shared = shared
  }

  /** Waits until there is room for so many bytes, and takes it. Not for the thread that gives room back. */
  take(bytes: number): void {
    for (;;) {
      const taken = Atomics.load(this.shared, 0)
      if (taken > 0 && taken + bytes > BYTES_MAX) this.#wait(taken)
      else if (Atomics.compareExchange(this.shared, 0, taken, taken + bytes) === taken) return
    }
  }

  /** Threads that wait for room. */
  get waiting(): number {
    return Atomics.load(this.shared, 1)
  }

  #wait(taken: number): void {
    Atomics.add(this.shared, 1, 1)
    Atomics.wait(this.shared, 0, taken)
    Atomics.sub(this.shared, 1, 1)
  }

  giveBack(bytes: number): void {
    Atomics.sub(this.shared, 0, bytes)
    Atomics.notify(this.shared, 0)
  }
}
