// Deterministic CBOR (RFC 8949, 4.2.1), the subset of docs/format.md 1.1: unsigned and negative integers, byte and text
// strings, arrays, maps with ascending unsigned keys, false and true. No tags, no floats, no null, no indefinite lengths.
//
//   initial byte = major type (3 bits) | argument (5 bits)
//   argument 0–23 is the value; 24, 25, 26, 27: the value follows in 1, 2, 4, 8 bytes, big endian, never longer than needed
//   major 0 uint, 1 negative (-1 - n), 2 bytes, 3 text, 4 array, 5 map, 7 simple (20 false, 21 true)
export { CborReader } from './cbor-reader.ts'
export * from './cbor-syntax.ts'
export { CborWriter } from './cbor-writer.ts'
