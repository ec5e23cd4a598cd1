import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { BackupError } from '../base/errors.ts'
import { passphraseFromFile } from './secrets.ts'

test('one line end at the end of a passphrase file does not count, everything else does', (t) => {
  const file = join(tempFolder(t), 'secret')
  const cases: [string, string][] = [
    ['pass', 'pass'],
    ['pass\n', 'pass'],
    ['pass\r\n', 'pass'],
    ['pass\n\n', 'pass\n'],
    [' pass ', ' pass '],
    ['two\nlines', 'two\nlines'],
  ]
  for (const [content, passphrase] of cases) {
    writeFileSync(file, content)
    assert.equal(passphraseFromFile(file), passphrase)
  }
})

test('a file that is too large for a passphrase is another file', (t) => {
  const file = join(tempFolder(t), 'secret')
  writeFileSync(file, 'x'.repeat(64 * 1024))
  assert.equal(passphraseFromFile(file).length, 64 * 1024)
  writeFileSync(file, 'x'.repeat(64 * 1024 + 1))
  assert.throws(
    () => passphraseFromFile(file),
    (error) => error instanceof BackupError && error.code === 'limit',
  )
})
