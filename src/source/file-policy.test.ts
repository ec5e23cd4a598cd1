import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import type { Method } from '../compress/method.ts'
import { FilePolicy, type FilePolicyOptions } from './file-policy.ts'
import { excludeGlob } from './glob-list.ts'

function policy(options: FilePolicyOptions, ...sources: string[]) {
  const made = new FilePolicy(options, sources.map(utf8))
  return {
    changes: (path: string) => made.changesOf({ path: utf8(path) }),
    method: (path: string, size = 0) => made.methods[made.methodOf({ path: utf8(path), stat: { size } }) - 1],
    compared: (path: string) => made.comparesStored({ path: utf8(path) }),
    blockSize: (path: string) => made.blockSizeOf({ path: utf8(path) }),
  }
}

test('what is distrusted adds up over the patterns that match, relative to the source', () => {
  const { changes } = policy(
    {
      changes: { ignoreInode: true },
      distrust: [
        { what: 'all', pattern: excludeGlob('*.db') },
        { what: 'ctime', pattern: excludeGlob('/nfs/**') },
        { what: 'mtime', pattern: excludeGlob('/nfs/**') },
      ],
    },
    '/srv',
    '/srv/deep/',
  )
  assert.deepEqual(changes('/srv/a'), { ignoreInode: true })
  assert.deepEqual(changes('/srv/x/a.db'), { ignoreInode: true, alwaysRead: true })
  assert.deepEqual(changes('/srv/nfs/a.db'), {
    ignoreInode: true,
    ignoreCtime: true,
    ignoreMtime: true,
    alwaysRead: true,
  })
  // Relative to the nearest source that holds the file; a folder of another name that begins alike is none.
  assert.deepEqual(changes('/srv/deep/nfs/a'), { ignoreInode: true, ignoreCtime: true, ignoreMtime: true })
  assert.deepEqual(changes('/srv/deeper/nfs/a'), { ignoreInode: true })
  assert.deepEqual(changes('/srv'), { ignoreInode: true })
})

test('a source whose name is the beginning of another folder’s does not hold what is in that', () => {
  const { blockSize } = policy({ fixedBlocks: [{ size: 4096, pattern: excludeGlob('/srv2/a/*.img') }] }, '/', '/srv')
  assert.equal(blockSize('/srv2/a/b.img'), 4096)
})

test('the last pattern that matches gives the length of blocks; a source that is a file has its name', () => {
  const { blockSize } = policy(
    {
      fixedBlocks: [
        { size: 65_536, pattern: excludeGlob('*.img') },
        { size: 4096, pattern: excludeGlob('/small/*.img') },
      ],
    },
    '/srv',
    '/data/disk.img',
    '/',
  )
  assert.equal(blockSize('/srv/a/b.img'), 65_536)
  assert.equal(blockSize('/srv/small/b.img'), 4096)
  assert.equal(blockSize('/srv/b.txt'), 0)
  assert.equal(blockSize('/data/disk.img'), 65_536)
  assert.equal(blockSize('/small/b.img'), 4096)
})

test('the last rule for compression counts that matches the path and whose size the file reaches', () => {
  const rule = (method: Method, pattern: string, sizeMin = 0) => ({ method, sizeMin, pattern: excludeGlob(pattern) })
  const { method } = policy(
    {
      compression: [
        rule({ name: 'lz4' }, '*.log'),
        rule({ name: 'xz', level: 6 }, '*.log', 1000),
        rule({ name: 'none' }, '/raw/**'),
        rule({ name: 'xz', level: 6 }, '*.txt'),
      ],
    },
    '/srv',
  )
  assert.deepEqual(method('/srv/a.log', 999), { name: 'lz4' })
  assert.deepEqual(method('/srv/a.log', 1000), { name: 'xz', level: 6 })
  assert.deepEqual(method('/srv/raw/a.log', 5000), { name: 'none' })
  assert.deepEqual(method('/srv/raw/a.txt'), { name: 'xz', level: 6 })
  assert.equal(method('/srv/a.bin', 5000), undefined)
  assert.equal(policy({}, '/srv').method('/srv/a.log', 5000), undefined)
})

test('files that match are compared with what is stored, unless a later pattern takes them out; without patterns none is', () => {
  const patterns = ['*.db', '!/tmp/*.db', '/tmp/keep.db']
  const { compared } = policy({ compare: patterns.map(excludeGlob) }, '/srv')
  const paths = ['/srv/a.db', '/srv/deep/a.db', '/srv/tmp/a.db', '/srv/tmp/keep.db', '/srv/a.txt']
  assert.deepEqual(paths.map(compared), [true, true, false, true, false])
  assert.equal(policy({}, '/srv').compared('/srv/a.db'), false)
})
