import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { BackupError, type ErrorCode } from '../base/errors.ts'
import { localPath, openStore } from './open-store.ts'

test('paths and file URLs name folders', () => {
  for (const [location, path] of [
    ['/srv/backup', '/srv/backup'],
    ['backup', 'backup'],
    ['../a b', '../a b'],
    ['back:up', 'back:up'],
    ['./s3:/bucket', './s3:/bucket'],
    ['2026:/x', '2026:/x'],
    ['file:///srv/backup', '/srv/backup'],
    ['file:/srv/backup', '/srv/backup'],
    ['FILE:///srv/back%20up', '/srv/back up'],
    ['file://localhost/srv', '/srv'],
  ] as const) {
    assert.equal(localPath(location), path)
  }
})

test('other schemes are unsupported, say what there is, and show no password', () => {
  for (const location of ['s3://bucket/x', 'sftp://me:secret@host/x', 'rest:', 'https://me:secret@host', 'S3:/x']) {
    const error = failure(() => localPath(location), 'unsupported')
    assert.match(error.hint ?? '', /path/)
    assert.ok(!error.message.includes('secret'), error.message)
  }
  for (const location of ['', 'file:', 'file://host/srv', 'file:///a%2Fb']) failure(() => localPath(location), 'usage')
})

test('a store that was made at a path is found at its URL', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-open-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'é ü')
  const made = await openStore(path, { create: true })
  await made.put('keys/aa', [Buffer.from('x')])
  const found = await openStore(pathToFileURL(path).href, { create: false })
  assert.equal(found.location, path)
  assert.deepEqual(Buffer.from(await found.get('keys/aa')).toString(), 'x')
})

function failure(step: () => unknown, code: ErrorCode): BackupError {
  try {
    step()
  } catch (error) {
    assert.ok(error instanceof BackupError, String(error))
    assert.equal(error.code, code, error.message)
    return error
  }
  return assert.fail(`no ${code}`)
}
