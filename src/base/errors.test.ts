import assert from 'node:assert/strict'
import { constants } from 'node:os'
import test from 'node:test'
import { BackupError, codeOf, errnoOf, reasonsOf } from './errors.ts'

/** As node:fs makes it of an error that libuv does not know: in some synchronous calls one way, else another. */
function unknownToNode(errno: number, inSomeCalls = false): Error {
  const code = inSomeCalls ? 'UNKNOWN' : `Unknown system error -${errno}`
  const text = inSomeCalls ? 'unknown error' : code
  return Object.assign(new Error(`${code}: ${text}, write`), { code, errno: -errno, syscall: 'write' })
}

test('errors of the system that Node does not know by name are classified and described', () => {
  for (const quota of [false, true].map((inSomeCalls) => unknownToNode(constants.errno.EDQUOT, inSomeCalls))) {
    assert.equal(errnoOf(quota), 'EDQUOT')
    assert.equal(codeOf(quota), 'full')
    assert.equal(reasonsOf(quota), 'EDQUOT: disk quota exceeded, write')
  }
  assert.equal(errnoOf(unknownToNode(constants.errno.ESTALE)), 'ESTALE')
  assert.equal(errnoOf(unknownToNode(9999)), 'E9999')
  assert.equal(reasonsOf(unknownToNode(9999)), 'E9999: system error, write')
})

test('what is not supported is not said to be so on a socket', () => {
  const message = "ENOTSUP: operation not supported on socket, fsync '/a'"
  const cause = Object.assign(new Error(message), { code: 'ENOTSUP', errno: -constants.errno.ENOTSUP })
  assert.equal(
    reasonsOf(new BackupError('io', 'storing', 'data/00', { cause })),
    "storing: data/00, because ENOTSUP: operation not supported, fsync '/a'",
  )
  const other = 'connect: ENOTSUP: operation not supported on socket'
  assert.equal(reasonsOf(new Error(other)), other, 'only where an error of the system begins with it')
})
