import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { isAccessAcl, isAcl, modeWithoutAcl } from './posix-acl.ts'

const USER_OBJ = 1
const USER = 2
const GROUP_OBJ = 4
const MASK = 0x10
const OTHER = 0x20

function acl(entries: readonly (readonly [tag: number, permissions: number])[], version = 2): Uint8Array {
  const bytes = new Uint8Array(4 + entries.length * 8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, version, true)
  for (const [i, [tag, permissions]] of entries.entries()) {
    view.setUint16(4 + i * 8, tag, true)
    view.setUint16(6 + i * 8, permissions, true)
    view.setUint32(8 + i * 8, 0xffff_ffff, true)
  }
  return bytes
}

test('without its ACL the group gets what the ACL gave the group, never what it gave others', () => {
  const named: [number, number][] = [
    [USER_OBJ, 6],
    [USER, 7],
    [GROUP_OBJ, 4],
    [MASK, 7],
    [OTHER, 0],
  ]
  assert.equal(modeWithoutAcl(0o2670, acl(named)), 0o2640)
  assert.equal(
    modeWithoutAcl(
      0o620,
      acl([
        [GROUP_OBJ, 7],
        [MASK, 2],
      ]),
    ),
    0o620,
  )
  assert.equal(modeWithoutAcl(0o675, acl([[GROUP_OBJ, 7]])), 0o675)
  assert.equal(modeWithoutAcl(0o675, acl([[USER, 7]])), 0o605)
})

test('an ACL that cannot be read gives the group nothing', () => {
  const good = acl([[GROUP_OBJ, 7]])
  assert.equal(modeWithoutAcl(0o670, acl([[GROUP_OBJ, 7]], 3)), 0o600)
  for (let length = 0; length < good.length; length++) {
    assert.equal(modeWithoutAcl(0o670, good.subarray(0, length)), 0o600, `cut to ${length} bytes`)
  }
})

test('access and default ACLs are told from other attributes by name', () => {
  assert.equal(isAcl(utf8('system.posix_acl_default')), true)
  assert.equal(isAcl(utf8('system.nfs4_acl')), true)
  assert.equal(isAcl(utf8('security.capability')), false)
  assert.equal(isAcl(utf8('user.posix_acl_access')), false)
  assert.equal(isAccessAcl(utf8('system.posix_acl_access')), true)
  assert.equal(isAccessAcl(utf8('system.posix_acl_default')), false)
})
