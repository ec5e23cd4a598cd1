import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf } from '../../test/support/format-arbitraries.ts'
import { AssertionFailed } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import * as names from './names.ts'

const h = 'ab'.repeat(32)
const id = '01'.repeat(16)
const other = '02'.repeat(16)

test('every name of the format is made and parsed', () => {
  const table: [string, names.ObjectName][] = [
    [names.descriptionName(0), { kind: 'description', number: 0 }],
    [names.descriptionName(12), { kind: 'description', number: 12 }],
    [names.keySlotName(h), { kind: 'key-slot', hash: h }],
    [names.writerName(id), { kind: 'writer', wid: id }],
    [names.sessionKeysName(id), { kind: 'session-keys', sid: id }],
    [names.packName('data', h), { kind: 'pack', packKind: 'data', hash: h }],
    [names.packName('meta', h), { kind: 'pack', packKind: 'meta', hash: h }],
    [names.indexName(h), { kind: 'index', hash: h }],
    [names.snapshotName(id, 42, h), { kind: 'snapshot', wid: id, seq: 42, hash: h }],
    [names.sessionName(id), { kind: 'session', sid: id }],
    [names.heartbeatName(id, 7), { kind: 'heartbeat', sid: id, number: 7 }],
    [names.sessionEndName(id), { kind: 'session-end', sid: id }],
    [names.planName(id), { kind: 'plan', pid: id }],
    [names.logName(id, 9, h), { kind: 'log', wid: id, seq: 9, hash: h }],
    [names.damagedName(names.indexName(h), Buffer.from(h, 'hex')), { kind: 'set-aside', of: names.indexName(h) }],
    [names.trashName(id, 9, h, other), { kind: 'trash', wid: id, seq: 9, hash: h, copy: other }],
  ]
  for (const [name, meaning] of table) {
    assert.deepEqual(names.parseObjectName(name), meaning)
    assert.ok(names.isObjectName(name))
    assert.equal(names.hashInName(meaning), 'hash' in meaning ? h : null)
  }
  assert.equal(names.packName('data', h), `data/ab/${h}`)
  assert.equal(names.snapshotName(id, 42, h), `snap/${id}/0000000042-${h}`)
  assert.equal(names.snapshotName(id, 42, h).length, 113)
  assert.equal(names.trashName(id, 42, h, other), `trash/${id}/0000000042-${h}-${other}`)
})

test('hashes may be given as bytes', () => {
  fc.assert(
    fc.property(bytesOf(32), (bytes) =>
      assert.equal(names.packName('meta', bytes), names.packName('meta', toHex(bytes))),
    ),
  )
})

test('a name that differs from a right one is no name of the format', () => {
  const wrong = [
    '',
    'format/',
    'format/01',
    'format/4294967295',
    'format/-1',
    'format/1/2',
    `keys/${h.toUpperCase()}`,
    `keys/${h}0`,
    `keys/${h.slice(1)}`,
    `keys//${h}`,
    `data/${h}`,
    `data/cd/${h}`,
    `log/1-${h}`,
    `snap/${id}/42-${h}`,
    `sess/${id}.hb`,
    `sess/${id}.hb01`,
    `sess/${id}.hb4294967295`,
    `sess/${id}.ends`,
    `gc/${id}.hb1`,
    'trash/',
    `damaged/index/${h}`,
    `damaged/${h}/index/${h}`,
    `damaged/${h.slice(0, 16)}/other/x`,
    `trash/snap/${id}`,
    `trash/${id}/1-${h}-${other}`,
    `trash/${id}/0000000001-${h}`,
    `trash/${id}/0000000001-${h}-${other}0`,
    'other/x',
    `/keys/${h}`,
    `keys/${h}\n`,
    `keys/../keys/${h}`,
  ]
  for (const name of wrong) assert.equal(names.parseObjectName(name), null, name)
})

test('store names have safe characters, no empty part and no part that begins with a dot', () => {
  for (const bad of [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '.',
    '..',
    'a/..',
    'a/.b',
    'A',
    'a b',
    'a\0',
    'é',
    'a\\b',
    'a'.repeat(201),
  ])
    assert.equal(names.isObjectName(bad), false, JSON.stringify(bad))
  for (const good of ['a', 'a/b.c', 'x_y-z/0', 'a'.repeat(200)]) assert.equal(names.isObjectName(good), true)
})

test('numbers and identifiers that do not fit a name are bugs', () => {
  const bugs = [
    () => names.descriptionName(-1),
    () => names.descriptionName(1.5),
    () => names.heartbeatName(id, 2 ** 32 - 1),
    () => names.snapshotName(id, 10 ** 10, h),
    () => names.indexName(id),
    () => names.sessionName(h),
    () => names.indexName('zz'.repeat(32)),
    () => names.indexName(new Uint8Array(31)),
  ]
  for (const bug of bugs) assert.throws(bug, AssertionFailed)
})
