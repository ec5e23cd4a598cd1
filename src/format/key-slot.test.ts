import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { fixedBytes, fixedRepoId } from '../../test/support/format-keys.ts'
import { fixedTime, sampleBundle, sampleDomain, sampleReportBundle } from '../../test/support/object-samples.ts'
import { withFields } from '../../test/vectors/section.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { decodeBundle, encodeBundle } from './bundle.ts'
import type { Bundle } from './bundle.ts'
import { decodeKeySlot, encodeKeySlot, openKeySlot, openSlotDetail, openSlotLabel } from './key-slot.ts'
import type { SlotMethod } from './slot-kinds.ts'

const passphrase: SlotMethod = {
  kind: 'passphrase',
  params: { salt: new Uint8Array(16).fill(3), memoryKiB: 8192, passes: 1, lanes: 1 },
}
const keyFile: SlotMethod = { kind: 'key-file', id: new Uint8Array(16).fill(4) }
const keys = { slotKey: fixedBytes('slot key'), repoId: fixedRepoId(), suite: 1 as const }
const isCode = (code: string) => (e: unknown) => e instanceof BackupError && e.code === code && e.subject === 'keys/x'

function sampleSlot(method: SlotMethod, label?: string): Uint8Array {
  const slot = { method, bundle: sampleBundle(), created: fixedTime, ...(label !== undefined && { label }) }
  return encodeKeySlot(slot, keys)
}

test('bundles of all roles are read back as they were written', () => {
  const admin = sampleBundle()
  const { rootSeed: _, writer: __, ...rest } = admin
  const bundles: Bundle[] = [
    admin,
    { ...rest, role: 'read' },
    { ...rest, role: 'write', domains: [sampleDomain('a', false), sampleDomain('b', false)] },
    { ...rest, role: 'maintain', unknown: [{ key: 30, value: new Uint8Array([1]) }] },
    { ...rest, role: 'read', domains: [{ ...sampleDomain('c'), unknown: [{ key: 30, value: new Uint8Array([2]) }] }] },
    sampleReportBundle(),
  ]
  for (const bundle of bundles) assert.deepEqual(decodeBundle(encodeBundle(bundle), 'keys/x'), bundle)
})

test('only the role report has what it has, and it has nothing else of a domain', () => {
  const withRole = (bundle: Bundle, role: number) =>
    withFields(encodeBundle(bundle), { 2: new CborWriter().uint(role).finish() })
  assert.throws(() => decodeBundle(withRole(sampleReportBundle(), 4), 'keys/x'), corruptAbout('keys/x'))
  assert.throws(() => decodeBundle(withRole(sampleBundle(), 5), 'keys/x'), corruptAbout('keys/x'))
})

test('a bundle keeps nothing of the bytes it was read from', () => {
  const bytes = encodeBundle(sampleBundle())
  const bundle = decodeBundle(bytes, 'keys/x')
  bytes.fill(0)
  assert.deepEqual(bundle, sampleBundle())
})

test('damage in an opened bundle is an error with the slot’s name or another bundle', () => {
  const options = { subject: 'keys/x', authenticated: false, step: 3 }
  assertDamageIsNamed(encodeBundle(sampleBundle()), (b) => decodeBundle(b, 'keys/x'), options)
})

test('a bundle of a later version or role is unsupported, one without a field is damaged', () => {
  const fields = new CborReader(encodeBundle(sampleBundle()), 'x').fields(() => false)!
  const write = (list: typeof fields) => new CborWriter().openMap().rawFields(list).closeMap().finish()
  const replaced = (key: number, value: number) =>
    write(fields.map((f) => (f.key === key ? { key, value: new Uint8Array([value]) } : f)))
  assert.throws(() => decodeBundle(replaced(0, 2), 'keys/x'), isCode('unsupported'))
  assert.throws(() => decodeBundle(replaced(2, 6), 'keys/x'), isCode('unsupported'))
  assert.throws(() => decodeBundle(replaced(2, 0), 'keys/x'), isCode('unsupported'))
  for (const { key } of fields) {
    if (key === 5 || key === 6) continue
    assert.throws(() => decodeBundle(write(fields.filter((f) => f.key !== key)), 'keys/x'), corruptAbout('keys/x'))
  }
})

test('slots are read without a key and opened with one', () => {
  for (const method of [passphrase, keyFile]) {
    const slot = decodeKeySlot(sampleSlot(method, 'laptop'), 'keys/x')
    assert.deepEqual([slot.method, slot.created, slot.role, slot.suite], [method, fixedTime, 'admin', 1])
    const bundle = openKeySlot(slot, keys, 'keys/x')
    assert.deepEqual(bundle, sampleBundle())
    assert.equal(openSlotLabel(slot, bundle, 'keys/x'), 'laptop')
    const unlabelled = decodeKeySlot(sampleSlot(method), 'keys/x')
    assert.equal(openSlotLabel(unlabelled, bundle, 'keys/x'), '')
    const stranger = { ...bundle, domains: [sampleDomain('other')] }
    assert.equal(openSlotLabel(slot, stranger, 'keys/x'), null)
  }
})

test('a wrong passphrase is a wrong key, not damage', () => {
  const slot = decodeKeySlot(sampleSlot(passphrase), 'keys/x')
  assert.throws(() => openKeySlot(slot, { ...keys, slotKey: fixedBytes('other') }, 'keys/x'), isCode('wrong-key'))
})

test('the bundle and the label are bound to the parameters of their slot', () => {
  const slot = decodeKeySlot(sampleSlot(passphrase, 'laptop'), 'keys/x')
  const weaker = { ...slot, method: { ...passphrase, params: { ...passphrase.params, passes: 2 } } as SlotMethod }
  assert.throws(() => openKeySlot(weaker, keys, 'keys/x'), isCode('wrong-key'))
  assert.equal(openSlotLabel(weaker, sampleBundle(), 'keys/x'), null)
})

test('keys are never in the clear, also where the repository is', () => {
  const slot = { method: keyFile, bundle: sampleBundle(), created: fixedTime }
  const bytes = encodeKeySlot(slot, { ...keys, suite: 0 })
  assert.equal(decodeKeySlot(bytes, 'keys/x').suite, 1)
  bytes[6] = 0
  assert.throws(() => decodeKeySlot(bytes, 'keys/x'), corruptAbout('not encrypted'))
})

test('a slot of a later kind is listed and does not open', () => {
  const slot = decodeKeySlot(
    sampleSlot({ kind: 'other', number: 99, params: new Uint8Array([0xa1, 0, 0x41, 9]) }),
    'keys/x',
  )
  assert.equal(slot.method.kind, 'other')
  assert.throws(() => openKeySlot(slot, keys, 'keys/x'), isCode('unsupported'))
})

test('damage in a slot is an error with its name, a wrong key, or changes what is in the clear alone', () => {
  const bytes = sampleSlot(passphrase, 'laptop')
  const open = (b: Uint8Array) => {
    const slot = decodeKeySlot(b, 'keys/x')
    try {
      assert.deepEqual(openKeySlot(slot, keys, 'keys/x'), sampleBundle())
    } catch (e) {
      if (e instanceof BackupError && e.code === 'wrong-key') return
      throw e
    }
  }
  assertDamageIsNamed(bytes, open, { subject: 'keys/x', authenticated: false, step: 3 })
})

test('parameters that are missing, of a wrong size or too many are refused', () => {
  const slot = (kind: number, write: (w: CborWriter) => unknown) => {
    const w = new CborWriter().openMap().key(0).uint(kind).key(1).openMap()
    write(w)
    w.closeMap().key(2).bytes(new Uint8Array(40)).key(3).timespec(fixedTime).key(5).uint(1)
    w.key(7).bytes(new Uint8Array(1216)).key(8).bytes(new Uint8Array(32)).closeMap()
    return new Uint8Array([0x48, 0x46, 0x53, 0x54, 7, 1, 1, 0, ...w.finish()])
  }
  const salt = new Uint8Array(16)
  const good = (w: CborWriter) => w.key(0).bytes(salt).key(1).uint(8192).key(2).uint(1).key(3).uint(1)
  assert.equal(decodeKeySlot(slot(1, good), 'keys/x').method.kind, 'passphrase')
  const bad: [number, (w: CborWriter) => unknown][] = [
    [1, (w) => w.key(0).bytes(salt)],
    [1, (w) => good(w).key(4).uint(1)],
    [1, (w) => w.key(0).bytes(new Uint8Array(8)).key(1).uint(8192).key(2).uint(1).key(3).uint(1)],
    [2, () => undefined],
    [2, (w) => w.key(0).bytes(salt).key(1).uint(1)],
  ]
  for (const [kind, write] of bad)
    assert.throws(() => decodeKeySlot(slot(kind, write), 'keys/x'), corruptAbout('keys/x'))
})

test('what a slot says of its credential is for those who opened it', () => {
  const bundle = sampleBundle()
  const file = new Uint8Array(300).fill(7)
  const bytes = encodeKeySlot(
    { method: { kind: 'age', file }, bundle, created: fixedTime, label: 'ann', detail: 'age1ann' },
    { ...keys, suite: 1 },
  )
  const slot = decodeKeySlot(bytes, 'keys/x')
  assert.equal(openSlotDetail(slot, bundle, 'keys/x'), 'age1ann')
  assert.equal(openSlotLabel(slot, bundle, 'keys/x'), 'ann')
  const stranger = { ...bundle, domains: [{ ...bundle.domains[0]!, keyIdx: new Uint8Array(32).fill(9) }] }
  assert.equal(openSlotDetail(slot, stranger, 'keys/x'), null)
  // Neither stands for the other, although one key seals both.
  const { sealedLabel, sealedDetail, ...rest } = slot
  assert.equal(
    openSlotLabel({ ...rest, sealedLabel: sealedDetail!, sealedDetail: sealedLabel! }, bundle, 'keys/x'),
    null,
  )
})
