// What lengths tell: somebody who sees names, sizes and order of objects, and which ranges are asked for, guesses whether a
// file that he knows is among what a run stores or reads. A classifier learns on half of the runs and guesses the others.
//   HOLDFAST_LENGTHS=10 npm test -- test/attacks/lengths.test.ts    ten times as many runs, and a file of 30 MB
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, rateInterval } from './lengths/binomial.ts'
import { countRight, learn } from './lengths/classifier.ts'
import { Watched, type KnownFile, type Scene } from './lengths/trials.ts'

const TIMES = Number(process.env['HOLDFAST_LENGTHS'] || 1)
const [KB, MB] = [1000, 1_000_000]

interface Outcome {
  readonly right: number
  readonly guesses: number
  /** `54 of 100 (44 to 64 %)` */
  readonly text: string
}

async function guess(file: KnownFile, scene: Scene, runs: number): Promise<Outcome> {
  const examples = await (await Watched.create(file)).examples(scene, runs * TIMES)
  const half = examples.length >> 1
  const [seen, unseen] = [examples.slice(0, half), examples.slice(half)]
  const right = countRight(learn(seen), unseen)
  const { low, high } = rateInterval(right, unseen.length)
  const percent = (rate: number) => (100 * rate).toFixed(0)
  const text = `${right} of ${unseen.length} right (${percent(low)} to ${percent(high)} %)`
  return { right, guesses: unseen.length, text }
}

/** So rarely somebody who knows nothing guesses as well. */
const CHANCE = 0.001

/** The promise of docs/threat-model.md. */
const HIDDEN: readonly (KnownFile & { readonly runs: number })[] = [
  { kind: 'random', size: 10 * KB, runs: 100 },
  { kind: 'text', size: 10 * KB, runs: 60 },
  { kind: 'random', size: 300 * KB, runs: 80 },
  { kind: 'text', size: 300 * KB, runs: 60 },
  { kind: 'random', size: 3 * MB, runs: 40 },
  { kind: 'text', size: 3 * MB, runs: 20 },
]

/** Beyond the promise, for its figure: each run stores two packs and more. */
const LARGE = TIMES > 1 ? [{ kind: 'random', size: 30 * MB, runs: 60 / TIMES } as const] : []

for (const { runs, ...file } of [...HIDDEN, ...LARGE]) {
  test(`whether a file of ${shown(file)} is in a backup with others cannot be told from lengths`, async (t) => {
    const { right, guesses, text } = await guess(file, 'busy', runs)
    t.diagnostic(text)
    assert.ok(atLeast(right, guesses, 0.5) > CHANCE, `better than chance: ${text}`)
  })
}

interface Told {
  readonly scene: Scene
  readonly file: KnownFile
  readonly runs: number
  readonly what: string
}

/** Where lengths tell something: what the threat model says of it must stay true, and this classifier able to find it. */
const TOLD: readonly Told[] = [
  { scene: 'alone', file: { kind: 'random', size: 300 * KB }, runs: 60, what: 'when a backup stores it alone' },
  { scene: 'split', file: { kind: 'random', size: 300 * KB }, runs: 40, what: 'from many small ones' },
  { scene: 'restore', file: { kind: 'random', size: 3 * MB }, runs: 60, what: 'when it is read alone' },
  { scene: 'again', file: { kind: 'random', size: 3 * MB }, runs: 40, what: 'when it is stored already' },
]

for (const { scene, file, runs, what } of TOLD) {
  test(`a file of ${shown(file)} can be told ${what}`, async (t) => {
    const { right, guesses, text } = await guess(file, scene, runs)
    t.diagnostic(text)
    assert.ok(atLeast(right, guesses, 0.5) < CHANCE, `no better than chance: ${text}`)
  })
}

function shown({ kind, size }: KnownFile): string {
  const length = size < MB ? `${size / KB} KB` : `${size / MB} MB`
  return `${length} ${kind === 'random' ? 'of noise' : 'of text'}`
}
