import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { vectorFiles } from './generate.ts'
import { toJson } from './section.ts'
import { SECTIONS } from './sections.ts'

await initHashing()

interface CommittedSection {
  ok: { name: string; kind: string; bytes: string; value: unknown }[]
  fail: { name: string; kind: string; bytes: string; error: string }[]
}
const committed = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as CommittedSection

test('the committed vectors are what the code writes', () => {
  for (const [file, content] of vectorFiles()) {
    assert.deepEqual(committed(file), content, `${file} is not current: run test/vectors/generate.ts`)
  }
})

for (const section of SECTIONS) {
  const { ok, fail } = committed(section.file)

  test(`${section.file}: every value is read as it is meant`, () => {
    for (const { name, kind, bytes, value } of ok) {
      assert.deepEqual(toJson(section.read(kind, fromHex(bytes)!, 'vector')), value, name)
    }
  })

  test(`${section.file}: what must fail fails as it is meant`, () => {
    for (const { name, kind, bytes, error } of fail) {
      assert.throws(
        () => section.read(kind, fromHex(bytes)!, 'vector'),
        (e) => e instanceof BackupError && e.code === error && e.subject === 'vector',
        `${kind}: ${name}`,
      )
    }
  })
}
