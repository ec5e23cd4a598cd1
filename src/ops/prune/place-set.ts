// A set of places of blobs: a bit for each.

export class PlaceSet {
  #bits: Uint8Array = new Uint8Array(0)

  has(place: number): boolean {
    return (this.#bits[place >>> 3]! & (1 << (place & 7))) !== 0
  }

  add(place: number): void {
    const at = place >>> 3
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.ceil((at + 1) * GROWTH))
      larger.set(this.#bits)
      this.#bits = larger
    }
    this.#bits[at]! |= 1 << (place & 7)
  }

  delete(place: number): void {
    if (this.has(place)) this.#bits[place >>> 3]! &= ~(1 << (place & 7))
  }

  clear(): void {
    this.#bits.fill(0)
  }
}

const GROWTH = 1.5
