import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError } from '../../base/errors.ts'
import { isTroubleOfFile, StoringFailed } from './reading.ts'

test('what the system says of a file is trouble of that file, whatever stands in the way of storing a block is not', () => {
  assert.ok(isTroubleOfFile(Object.assign(new Error('EACCES: permission denied, open'), { syscall: 'open' })))
  assert.ok(isTroubleOfFile(new BackupError('io', 'claims to have more bytes than there are', '/a')))
  const noMemory = new BackupError('io', 'liblzma has no memory', 'block')
  // The same error, once the blobs of the block are claimed: other files may refer to them.
  assert.ok(!isTroubleOfFile(new StoringFailed('a block could not be made', { cause: noMemory })))
  assert.ok(!isTroubleOfFile(new RangeError('Array buffer allocation failed')))
})
