// What a store operator sees of a run, in numbers: which kinds of objects come, how many, how long, in which order, and
// what is asked for. Nothing of their bytes.
import { parseObjectName } from '../../../src/format/names.ts'
import type { Operation } from '../../../src/store/recording-store.ts'

/** One row of numbers, the same columns for every run. */
export function numbersOf(operations: readonly Operation[]): number[] {
  const puts = operations.filter(({ kind }) => kind === 'put')
  const gets = operations.filter(({ kind }) => kind === 'get')
  const [data, meta] = [puts.filter(isPack('data')), puts.filter(isPack('meta'))]
  const index = puts.filter(isKind('index'))
  const [fromData, fromMeta] = [gets.filter(isPack('data')), gets.filter(isPack('meta'))]
  return [
    ...countAndLengths(data),
    ...countAndLengths(meta),
    ...countAndLengths(index),
    lengthOf(puts.filter(isKind('snapshot'))),
    lengthOf(puts),
    puts.length,
    ...countAndLengths(fromData),
    ...countAndLengths(fromMeta),
    lengthOf(gets),
    gets.length,
    // Order: what comes first, and how far from the end the last data pack is.
    puts.findIndex(isPack('data')),
    puts.findIndex(isPack('meta')),
    puts.findLastIndex(isPack('data')) - puts.length,
    operations.length,
  ]
}

function countAndLengths(operations: readonly Operation[]): number[] {
  const lengths = operations.map(({ bytes }) => bytes)
  const sorted = lengths.toSorted((a, b) => b - a)
  return [lengths.length, lengthOf(operations), sorted[0] ?? 0, sorted[1] ?? 0, sorted.at(-1) ?? 0, lengths.at(-1) ?? 0]
}

function lengthOf(operations: readonly Operation[]): number {
  return operations.reduce((sum, { bytes }) => sum + bytes, 0)
}

function isPack(of: 'data' | 'meta'): (operation: Operation) => boolean {
  return ({ name }) => name.startsWith(`${of}/`)
}

function isKind(kind: string): (operation: Operation) => boolean {
  return ({ name }) => parseObjectName(name)?.kind === kind
}
