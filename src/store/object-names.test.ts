import assert from 'node:assert/strict'
import { normalize, resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkPrefix, folderOf, isObjectName } from './object-names.ts'
import { NAME_LENGTH_MAX } from './store.ts'

const WID = '0123456789abcdef0123456789abcdef'
const HASH = WID + WID

test('every name of the format is a name', () => {
  for (const name of [
    'format/1',
    `keys/${HASH}`,
    `writers/${WID}`,
    `skeys/${WID}`,
    `data/0f/${HASH}`,
    `meta/ff/${HASH}`,
    `index/${HASH}`,
    `snap/${WID}/0000000001-${HASH}`,
    `sess/${WID}`,
    `sess/${WID}.hb12`,
    `sess/${WID}.end`,
    `gc/${WID}`,
    `log/0000000001-${HASH}`,
    `trash/${WID}/0000000001-${HASH}-${WID}`,
  ]) {
    assert.ok(isObjectName(name), name)
    for (let end = 0; end <= name.length; end++) checkPrefix(name.slice(0, end))
  }
})

test('no text that counts as a name leads out of the folder or means another file than it says', () => {
  const piece = fc.constantFrom(
    '..',
    '.',
    '/',
    '//',
    'a',
    'Z',
    '0',
    '-',
    '_',
    ' ',
    '\\',
    '\0',
    '\n',
    'tmp',
    'data',
    'é',
    '%',
    ':',
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.string(),
  )
  fc.assert(
    fc.property(text, (name) => {
      if (!isObjectName(name)) return
      assert.equal(normalize(name), name)
      assert.ok(resolve('/root', name).startsWith('/root/') && !resolve('/root', name).startsWith('/root/tmp/'))
      assert.match(name, /^[0-9a-z/._-]+$/)
      assert.equal(folderOf(name), normalize(`${name}/..`))
    }),
    { numRuns: 2000 },
  )
})

test('the longest name has NAME_LENGTH_MAX bytes', () => {
  assert.ok(isObjectName(`data/${'a'.repeat(NAME_LENGTH_MAX - 5)}`))
  assert.ok(!isObjectName(`data/${'a'.repeat(NAME_LENGTH_MAX - 4)}`))
})
