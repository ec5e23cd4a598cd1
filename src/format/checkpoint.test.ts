import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { fixedBytes, fixedRepoId } from '../../test/support/format-keys.ts'
import { CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { decodeCheckpoint, digestOf, encodeCheckpoint, sortHeads } from './checkpoint.ts'
import type { ChainHead, Checkpoint } from './checkpoint.ts'
import { checkpointText, checkpointWord, parseCheckpoint } from './checkpoint-text.ts'

const head = (label: string, chain: ChainHead['chain'] = 'snapshot', seq = 7): ChainHead => ({
  chain,
  wid: fixedBytes(`${label} wid`, 16),
  seq,
  hash: fixedBytes(`${label} head`),
})
const sample = (
  heads: Checkpoint['heads'] = sortHeads([head('a'), head('b'), head('a', 'record', 2)]),
): Checkpoint => ({
  repoId: fixedRepoId(),
  fingerprint: fixedBytes('root', 16),
  time: 1_790_000_000,
  description: 1,
  snapshots: 14,
  records: 2,
  heads,
})

test('a checkpoint is read back from its lines and from its word, whatever the case and the spaces', () => {
  for (const checkpoint of [sample(), sample([]), sample(digestOf([head('a'), head('b')]))]) {
    const text = checkpointText(checkpoint)
    assert.deepEqual(parseCheckpoint(text, 'x'), checkpoint)
    assert.deepEqual(
      parseCheckpoint(`Kept in the safe.\n\n${text.toUpperCase().replaceAll('  ', ' ')}\nAda`, 'x'),
      checkpoint,
    )
    assert.deepEqual(
      parseCheckpoint(text.replaceAll(/(?<=\d: .*)0/g, 'o').replaceAll(/(?<=\d: .*)1/g, 'l'), 'x'),
      checkpoint,
    )
    assert.deepEqual(parseCheckpoint(checkpointWord(checkpoint), 'x'), checkpoint)
    assert.match(checkpointWord(checkpoint), /^[0-9A-Z:-]+$/, 'what the compact mode of QR codes has')
  }
})

test('a line that was copied wrongly is named', () => {
  const lines = checkpointText(sample()).trimEnd().split('\n')
  const first = lines.findIndex((line) => line.startsWith('  1:'))
  for (let at = first; at < lines.length; at++) {
    const number = at - first + 1
    const changed = lines[at]!.replace(/: (.)(.)/, (_, a, b) => `: ${a === b ? 'x' : b}${a}`)
    const text = [...lines.slice(0, at), changed, ...lines.slice(at + 1)].join('\n')
    assert.throws(() => parseCheckpoint(text, 'x'), corruptAbout(`line ${number} was not copied well`))
    const without = [...lines.slice(0, at), ...lines.slice(at + 1)].join('\n')
    const missing = at === lines.length - 1 ? 'checksum' : `line ${number} is missing`
    assert.throws(() => parseCheckpoint(without, 'x'), corruptAbout(missing))
  }
  assert.throws(() => parseCheckpoint('nothing of the kind', 'x'), corruptAbout('no checkpoint'))
})

test('damage anywhere is noticed and named', () => {
  assertDamageIsNamed(encodeCheckpoint(sample()), (b) => decodeCheckpoint(b, 'x'), {
    subject: 'x',
    authenticated: true,
  })
})

test('any bytes behind a right checksum give a value or a named error', () => {
  const survives = (map: Uint8Array) => {
    try {
      decodeCheckpoint(Buffer.concat([map, hash(map).subarray(0, 4)]), 'x')
    } catch (error) {
      assert.ok(error instanceof BackupError && ['corrupt', 'unsupported'].includes(error.code), String(error))
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), survives))
  for (const vast of ['a1079b001fffffffffffff', 'a1079affffffff', 'a107981884']) survives(Buffer.from(vast, 'hex'))
  survives(new CborWriter().openMap().key(0).uint(2).closeMap().finish())
})

test('a digest changes with every head and does not depend on the order they come in', () => {
  const heads = Array.from({ length: 9 }, (_, at) => head(`w${at}`))
  const digest = digestOf(heads)
  assert.deepEqual(digestOf(heads.toReversed()), digest)
  for (const at of heads.keys()) {
    const other = heads.with(at, { ...heads[at]!, hash: fixedBytes('other') })
    assert.notDeepEqual(digestOf(other).root, digest.root)
    assert.notDeepEqual(digestOf(heads.toSpliced(at, 1)).root, digest.root)
  }
  assert.deepEqual([digest.chains, digest.places], [9, 63])
  // By hand, for three: H(1 | H(1 | a | b) | c).
  const three = sortHeads(heads.slice(0, 3))
  const leaf = ({ wid, seq, hash: id }: ChainHead) =>
    hash(Buffer.concat([Buffer.from([0, 0]), wid, Buffer.from([seq, 0, 0, 0, 0, 0, 0, 0]), id]))
  const node = (l: Uint8Array, r: Uint8Array) => hash(Buffer.concat([Buffer.from([1]), l, r]))
  const [a, b, c] = three.map(leaf) as [Uint8Array, Uint8Array, Uint8Array]
  assert.deepEqual(digestOf(three).root, node(node(a, b), c))
})
