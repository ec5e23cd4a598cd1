import assert from 'node:assert/strict'
import test from 'node:test'
import { ERRNO, systemError } from './errors.ts'

test('an error of a call has the fields of Node’s and says what is meant', () => {
  const { message, code, errno, syscall, path } = systemError(ERRNO.ENOENT, 'openat', Buffer.from('a\xffb', 'latin1'))
  assert.deepEqual([code, errno, syscall, path], ['ENOENT', -ERRNO.ENOENT, 'openat', 'a\ufffdb'])
  assert.equal(message, "ENOENT: no such file or directory, openat 'a\ufffdb'")
  assert.equal(systemError(ERRNO.EOPNOTSUPP, 'setxattr').message, 'ENOTSUP: operation not supported, setxattr')
  assert.equal(systemError(ERRNO.EDQUOT, 'write').message, 'EDQUOT: disk quota exceeded, write')
  assert.equal(systemError(9999, 'write').message, 'E9999: system error, write')
})
