import { decodeCheckpoint, digestOf, encodeCheckpoint, sortHeads } from '../../../src/format/checkpoint.ts'
import type { ChainHead, Checkpoint } from '../../../src/format/checkpoint.ts'
import { checkpointText, checkpointWord } from '../../../src/format/checkpoint-text.ts'
import { hash } from '../../../src/crypto/hash.ts'
import { fixedBytes, fixedRepoId } from '../../support/format-keys.ts'
import { cbor, flipped, withFields } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

const head = (label: string, chain: ChainHead['chain'], seq: number): ChainHead => ({
  chain,
  wid: fixedBytes(`${label} wid`, 16),
  seq,
  hash: fixedBytes(`${label} ${chain}`),
})
const heads = sortHeads([head('a', 'snapshot', 7), head('b', 'snapshot', 300), head('a', 'record', 2)])
const sample = (of: Checkpoint['heads']): Checkpoint => ({
  repoId: fixedRepoId(),
  fingerprint: fixedBytes('root', 16),
  time: 1_790_000_000,
  description: 1,
  snapshots: 300,
  records: 2,
  heads: of,
})

function successes(): OkCase[] {
  const cases: [string, Checkpoint][] = [
    ['heads written out', sample(heads)],
    ['no chains yet', sample([])],
    ['a root over three heads', sample(digestOf(heads))],
  ]
  return cases.map(([name, checkpoint]) => ({
    name,
    kind: 'checkpoint',
    bytes: encodeCheckpoint(checkpoint),
    value: { ...checkpoint, text: checkpointText(checkpoint), word: checkpointWord(checkpoint) },
  }))
}

function failures(): FailCase[] {
  const good = encodeCheckpoint(sample(heads))
  const altered = (changes: Readonly<Record<number, Uint8Array | null>>) => {
    const map = withFields(good.subarray(0, -4), changes)
    return new Uint8Array([...map, ...hash(map).subarray(0, 4)])
  }
  const fail = (name: string, bytes: Uint8Array, error: FailCase['error'] = 'corrupt'): FailCase => ({
    name,
    kind: 'checkpoint',
    bytes,
    error,
  })
  return [
    fail('a wrong checksum', flipped(good, -1)),
    fail('one that ends early', good.slice(0, -1)),
    fail('nothing', new Uint8Array(0)),
    fail('version 2', altered({ 0: cbor((w) => w.uint(2)) }), 'unsupported'),
    fail('no key 3', altered({ 3: null })),
    fail('neither heads nor a root', altered({ 7: null })),
    fail(
      'a chain of a third kind',
      altered({ 7: cbor((w) => w.array(1).array(4).uint(2).bytes(fixedRepoId()).uint(1).bytes(fixedBytes('x'))) }),
    ),
  ]
}

export const checkpointSection: Section = {
  file: 'checkpoint.json',
  about: 'docs/format.md 9.3: checkpoints, with the lines and the word that people keep.',
  given: () => ({}),
  ok: successes,
  fail: failures,
  read: (_, bytes, subject) => {
    const checkpoint = decodeCheckpoint(bytes, subject)
    return { ...checkpoint, text: checkpointText(checkpoint), word: checkpointWord(checkpoint) }
  },
}
