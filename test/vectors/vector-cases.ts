// The cases of the vector files, for readers that know nothing of our code.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fromHex } from './independent-reader.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- JSON of many shapes, compared field by field
export const load = (file: string): any => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
export const hexes = <T extends Record<string, string>>(given: T) =>
  Object.fromEntries(Object.entries(given).map(([key, value]) => [key, fromHex(value)])) as Record<keyof T, Uint8Array>
export const caseOf = (file: string, name: string) => {
  const { ok, given } = load(file)
  const found = ok.find((one: { name: string }) => one.name === name)
  assert.ok(found, `${file} has ${name}`)
  return { given, bytes: fromHex(found.bytes), value: found.value }
}

/** The same of a part of it. */
export type Fields = ReturnType<typeof load>
