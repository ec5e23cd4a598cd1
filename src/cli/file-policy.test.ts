import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filePolicy } from './file-policy.ts'

test('flags come after the configuration, and short forms hold for every file', () => {
  const { changes, distrust, fixedBlocks } = filePolicy(
    [{ distrust: ['all=*.db'], fixedBlocks: ['1 MiB=*.img'] }, { fixedBlocks: ['4k=*.vdi'] }],
    { distrust: ['ctime=/nfs/**'], fixedBlocks: ['64k=a=b'], reread: true },
  )
  assert.deepEqual(changes, { alwaysRead: true, ignoreCtime: false, ignoreInode: false })
  assert.deepEqual(
    distrust!.map(({ what, pattern }) => `${what} ${pattern.source}`),
    ['all *.db', 'ctime /nfs/**'],
  )
  assert.deepEqual(
    fixedBlocks!.map(({ size, pattern }) => `${size} ${pattern.source}`),
    ['1048576 *.img', '4096 *.vdi', '65536 a=b'],
  )
})

test('patterns of files to compare come from the configuration, the set and the command line, in this order', () => {
  const { compare } = filePolicy([{ compare: ['*.db'] }, { compare: ['!/tmp/*.db'] }], { compare: ['/ledger/**'] })
  assert.deepEqual(
    compare!.map(({ source }) => source),
    ['*.db', '!/tmp/*.db', '/ledger/**'],
  )
  for (const text of ['', '!']) assert.throws(() => filePolicy([], { compare: [text] }), { code: 'usage' })
})

test('what cannot be meant is refused by name', () => {
  for (const text of ['*.db', '=x', 'all=', 'size=*.db', '']) {
    assert.throws(() => filePolicy([], { distrust: [text] }), { code: 'usage', subject: text })
  }
  for (const text of ['*.img', '64k=', '1000=*', '2k=*', '8M=*', 'x=*']) {
    assert.throws(() => filePolicy([], { fixedBlocks: [text] }), { code: 'usage' }, text)
  }
})
