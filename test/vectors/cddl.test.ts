import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { CborReader } from '../../src/base/cbor.ts'
import { deriveKey } from '../../src/crypto/hash.ts'
import { Sealer } from '../../src/crypto/seal.ts'
import { decodeKeySlot, encodeMethod } from '../../src/format/key-slot.ts'
import { encodeSnapshotBody } from '../../src/format/snapshot.ts'
import { reportKeyOf } from '../../src/format/snapshot-summary.ts'
import { fixedBytes, fixedRepoId, fixedSealer } from '../support/format-keys.ts'
import { sampleSnapshotBody } from '../support/object-samples.ts'
import { Cddl } from './cddl.ts'
import { withFields } from './section.ts'

const cddl = new Cddl(readFileSync(new URL('../../docs/format.cddl', import.meta.url), 'utf8'))

interface Case {
  name: string
  kind: string
  bytes: string
}
const load = (file: string) =>
  JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { ok: Case[]; fail: Case[] }

/** Name of the rule and the bytes of the CBOR part of a case. */
function cborOf({ kind, bytes: hex }: Case): [string, Uint8Array] | undefined {
  const bytes = fromHex(hex)!
  const signed = bytes.subarray(8, bytes.length - 64)
  const body = (type: number) => open(fixedSealer(), type, signed)
  switch (kind) {
    case 'entry':
      return ['entry', bytes]
    case 'node':
    case 'root node':
      return ['tree-node', bytes]
    case 'list':
      return ['content-list-node', bytes]
    case 'slot':
      return ['key-slot', new CborReader(bytes.subarray(8), 'vector').item()]
    case 'bundle':
      return ['capability-bundle', bytes]
    case 'session keys':
    case 'writer certificate':
    case 'repository description':
    case 'enrolment request':
      return [kind.replace(' ', '-'), signed]
    case 'session intent':
      return ['session-intent-body', body(5)]
    case 'snapshot':
      return ['snapshot-summary', summaryIn(signed)]
    case 'deletion plan':
      return ['deletion-plan-body', body(9)]
    case 'checkpoint':
      return ['checkpoint', bytes.subarray(0, -4)]
    case 'log record':
      return ['log-body', fixedSealer().open(10, signed.subarray(0, 72), signed.subarray(72), 'vector')]
    default:
      return undefined
  }
}

function summaryIn(content: Uint8Array): Uint8Array {
  const end = 90 + (content[88]! | (content[89]! << 8))
  const sealer = new Sealer(reportKeyOf({ keyIdx: fixedBytes('K_idx') }), fixedRepoId(), 1)
  return sealer.open(41, content.subarray(0, 88), content.subarray(90, end), 'vector')
}

function open(sealer: Sealer, type: number, part: Uint8Array): Uint8Array {
  return sealer.open(type, part.subarray(0, 16), part.subarray(16), 'vector')
}

const cases = ['tree.json', 'slots.json', 'objects.json', 'log.json', 'checkpoint.json']
  .flatMap((file) => load(file).ok)
  .map((one) => ({ name: one.name, part: cborOf(one) }))
  .filter((one) => one.part !== undefined)
  .map(({ name, part }) => ({ name, rule: part![0], bytes: part![1] }))
const made = load('slots.json').ok.filter(({ name }) => name === 'a slot made anew')
for (const { name, bytes } of made) {
  const slot = decodeKeySlot(fromHex(bytes)!, 'vector')
  const holderKey = deriveKey('holdfast 1 slot holder', fixedBytes('root seed'))
  const sealer = new Sealer(holderKey, fixedRepoId(), 1)
  const holder = sealer.open(43, encodeMethod(slot.method), slot.sealedHolder!, 'vector')
  cases.push({ name, rule: 'slot-holder', bytes: holder })
}
cases.push({ name: 'a body', rule: 'snapshot-body', bytes: encodeSnapshotBody(sampleSnapshotBody()) })
const otherSlot = cases.find(({ rule }) => rule === 'key-slot')!.bytes
cases.push({
  name: 'a slot of another kind',
  rule: 'key-slot',
  bytes: withFields(otherSlot, { 0: Uint8Array.of(0x18, 99) }),
})

test('docs/format.cddl describes every CBOR object of the vectors, and has no rule besides', () => {
  for (const { name, rule, bytes } of cases) assert.ok(cddl.accepts(rule, bytes), `${rule}: ${name}`)
  assert.deepEqual(
    [...cddl.rules.keys()].filter((rule) => !cddl.used.has(rule)),
    [],
  ) // every rule was needed
})

test('docs/format.cddl allows no value of another type', () => {
  for (const { name, rule, bytes } of cases) {
    const keys: number[] = []
    const r = new CborReader(bytes, 'vector')
    r.fields((key) => {
      keys.push(key)
      return false
    })
    for (const key of keys) {
      // A negative number stands nowhere; fields of later versions may hold anything.
      if (key >= 30 || (rule === 'key-slot' && key === 1)) continue
      assert.ok(!cddl.accepts(rule, withFields(bytes, { [key]: Uint8Array.of(0x20) })), `${rule}: ${name}, key ${key}`)
    }
  }
})

test('docs/format.cddl refuses what the vectors refuse for its shape', () => {
  const shapes =
    /^(no key|kind 8|mode above|10\^9|one link|flags 0|no extents|an extent of no|fill 2|offset 0|a ref of 31|65 extents|513 bytes of inline|an inner node without|level 13|a content list without|no bundle|no lanes|a salt of|no domains|a root key of 31|role 6|version 2 of the bundle)/
  const refused = ['tree.json', 'slots.json'].flatMap((file) => load(file).fail).filter(({ name }) => shapes.test(name))
  assert.ok(refused.length > 25)
  for (const one of refused) {
    const [rule, bytes] = cborOf(one)!
    assert.ok(!cddl.accepts(rule, bytes), `${rule}: ${one.name}`)
  }
})
