// What one file does must stay that file's trouble: the backup goes on and says so.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { fileStat, ScriptedSource } from '../../../test/support/scripted-source.ts'
import { TROUBLE } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'

const MIB = 1024 * 1024
const utf8 = (text: string) => Buffer.from(text)

test('a log that is emptied while it is read is an empty file, and its directory can be read', async () => {
  const repository = await MemoryRepository.create()
  let size = 20 * MIB
  const stat = (): FileStat => fileStat({ size, mtime: { sec: 1_600_000_000, nsec: size } })
  const log = {
    content: new Uint8Array(size).fill(1),
    stat: stat(),
    open: () => {
      size = 0
      return { opened: stat(), stat, read: () => 0 }
    },
    xattrs: [{ name: utf8('user.a'), value: utf8('b') }],
  }
  const source = new ScriptedSource({ log, other: utf8('untouched') }, { restat: stat })
  const result = await repository.backup(source)
  const entries = await repository.entries(result)
  assert.equal(entries.get('/log')!.content?.kind, 'inline')
  assert.equal(entries.get('/log')!.size, 0)
  assert.equal(entries.get('/log')!.xattrs?.length, 1)
  assert.equal(entries.has('/other'), true)
})

test('a large file that is a folder by now could not be read', async () => {
  const repository = await MemoryRepository.create()
  const large = {
    content: new Uint8Array(20 * MIB).fill(1),
    open: () => ({ stat: () => fileStat({ size: 20 * MIB, mtime: { sec: 5, nsec: 0 } }) }),
  }
  const restat = () => fileStat({ kind: 'directory', mode: 0o755 })
  const result = await repository.backup(new ScriptedSource({ large }, { restat }))
  const entry = (await repository.entries(result)).get('/large')!
  assert.equal(entry.kind, 'file')
  assert.deepEqual(entry.trouble, [TROUBLE.content])
  assert.equal(result.body.partial, true)
})
