// The numbers of docs/format.md 1.1 that reader and writer of CBOR share.

/** Deepest nesting of arrays and maps that is written or read; the format's own objects need 8. */
export const CBOR_DEPTH_MAX = 16

export const MAJOR_UINT = 0
export const MAJOR_NEGATIVE = 1
export const MAJOR_BYTES = 2
export const MAJOR_TEXT = 3
export const MAJOR_ARRAY = 4
export const MAJOR_MAP = 5

/** A key of a map that this version does not know, with its encoded value: kept when the map is written again. */
export interface RawField {
  readonly key: number
  /** One encoded item, checked to be well formed. */
  readonly value: Uint8Array
}
