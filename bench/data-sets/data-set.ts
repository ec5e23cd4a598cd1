// What is backed up: made or fetched once, kept in a folder outside of the checkout.

/** Thrown when a data set cannot be had on this machine; the rows that need it are left out, with this message. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

export interface Size {
  readonly files: number
  readonly bytes: number
}
