// The vectors of log records and checkpoints read a second time, by code that knows only docs/format.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as reader from './independent-reader.ts'
import { cbor, fromHex, H, joined, open, toHex, u32 } from './independent-reader.ts'
import { caseOf, hexes } from './vector-cases.ts'

test('a log record follows from the text', () => {
  const { given, bytes, value } = caseOf('log.json', 'a record: forget')
  const { keyIdx, repoId, writerPublicKey } = hexes(given as Record<string, string>)
  const part = reader.signed(bytes, 10, writerPublicKey!)
  const [repo, wid, seq, previous] = [
    [0, 16],
    [16, 32],
    [32, 40],
    [40, 72],
  ].map(([a, b]) => part.subarray(a, b))
  assert.equal(toHex(repo!), given.repoId)
  assert.deepEqual([toHex(wid!), toHex(previous!)], [value.head.wid, value.head.previous])
  assert.equal(`log/${toHex(wid!)}/${String(u32(seq!, 0)).padStart(10, '0')}-${toHex(H(bytes))}`, value.name)
  const { time, by, action, heads } = value.body
  const places = (list: Record<string, unknown>[]) => list.map((p) => [p['wid'], p['seq'], p['hash']])
  assert.deepEqual(cbor(open(keyIdx!, repoId!, 10, part.subarray(0, 72), part.subarray(72))), {
    0: [time.sec, time.nsec],
    1: by,
    2: 1,
    3: {
      0: places(action.snapshots),
      1: action.reason,
      2: (action.received as { sec: number; nsec: number }[]).map(({ sec, nsec }) => [sec, nsec]),
      3: action.copies,
    },
    4: places(heads),
  })
})

test('a checkpoint, its lines and its root follow from the text', () => {
  const { bytes, value } = caseOf('checkpoint.json', 'heads written out')
  const map = bytes.subarray(0, -4)
  assert.deepEqual(bytes.subarray(-4), H(map).subarray(0, 4))
  const chainOf = (head: { chain: string }) => (head.chain === 'snapshot' ? 0 : 1)
  type Head = { chain: string; wid: string; seq: number; hash: string }
  const heads = value.heads as Head[]
  assert.deepEqual(cbor(map), {
    0: 1,
    1: value.repoId,
    2: value.fingerprint,
    3: value.time,
    4: 1,
    5: 300,
    6: 2,
    7: heads.map((head) => [chainOf(head), head.wid, head.seq, head.hash]),
  })

  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
  const base32 = (part: Uint8Array) => {
    const bits = [...part].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    return (bits.match(/.{1,5}/g) ?? []).map((five) => alphabet[parseInt(five.padEnd(5, '0'), 2)]).join('')
  }
  const letters = base32(bytes)
  assert.equal(value.word, `HOLDFAST-CHECKPOINT:${letters.toUpperCase()}`)
  const lines = value.text.split('\n').filter((line: string) => /^ *\d+:/.test(line)) as string[]
  assert.equal(lines.length, Math.ceil(letters.length / 40))
  for (const [at, line] of lines.entries()) {
    const part = letters.slice(40 * at, 40 * at + 40)
    const check = base32(H(Buffer.from(`holdfast checkpoint line ${at + 1} ${part}`))).slice(0, 2)
    assert.equal(line.replaceAll(' ', ''), `${at + 1}:${part}${check}`)
  }

  const digest = caseOf('checkpoint.json', 'a root over three heads').value.heads
  const leaves = heads.map((head) => {
    const seq = Buffer.alloc(8)
    seq.writeBigUInt64LE(BigInt(head.seq))
    return H(joined(Uint8Array.of(0, chainOf(head)), fromHex(head.wid), seq, fromHex(head.hash)))
  })
  const node = (a: Uint8Array, b: Uint8Array) => H(joined(Uint8Array.of(1), a, b))
  assert.equal(digest.root, toHex(node(node(leaves[0]!, leaves[1]!), leaves[2]!)))
  assert.deepEqual([digest.chains, digest.places], [3, heads.reduce((sum, { seq }) => sum + seq, 0)])
})
