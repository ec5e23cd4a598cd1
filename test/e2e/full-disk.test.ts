// A disk that gets full in the middle of a backup by the real program.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Operator } from '../support/operator.ts'
import { withLoopFs } from '../support/requirements.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024

test('a disk that gets full is told as such, loses nothing, and the next backup goes on when there is room', (t) =>
  withLoopFs(t, 'ext4', 90, async (disk) => {
    const folder = tempFolder(t, 'full')
    const scratch = await ScratchRepository.create(folder, { location: join(disk, 'repository'), packSize: MIB })
    const operator = new Operator(folder, scratch)
    const source = join(folder, 'source')
    mkdirSync(source)
    const content: Record<string, string> = { [source]: 'directory' }
    const add = (name: string, size: number) => {
      const bytes = randomFillSync(new Uint8Array(size))
      writeFileSync(join(source, name), bytes)
      content[join(source, name)] = fileWith(bytes)
    }
    add('early', 10_000)
    assert.equal(operator.run(['backup', source]).status, 0)
    const early = { ...content }
    // Something else takes the disk until 10 MiB are left; files of both ways through the pipeline need 40.
    const filler = fill(disk, 10 * MIB)
    for (let file = 0; file < 20; file++) add(`small-${file}`, MIB)
    add('large', 20 * MIB)

    for (const attempt of ['first', 'second']) {
      const full = operator.run(['backup', '--verbose', source])
      assert.equal(full.status, 8, `${attempt}: ${full.stderr}`)
      assert.match(
        full.stderr,
        /^holdfast: storing a pack: data\/[0-9a-f/]+\n {2}because storing: \S+\n {2}because ENOSPC: /m,
      )
      assert.match(full.stderr, /^ {2}hint: make room at the destination; what was stored so far is kept/m)
      assert.doesNotMatch(full.stderr, /^error: |^warning: /m, 'no file of the source is blamed')
      assert.equal(full.stdout.includes('snapshot'), false)
      assert.deepEqual(await scratch.readAll(), [early])
      assert.deepEqual(readdirSync(join(scratch.location, 'tmp')), [])
    }
    const check = operator.run(['check', '--read-data'])
    assert.equal(check.status, 0, check.stdout + check.stderr)
    const restored = operator.run(['restore', 'latest', '--target', 'out'])
    assert.equal(restored.status, 0, restored.stderr)

    rmSync(filler)
    const next = operator.run(['backup', '--json', source])
    assert.equal(next.status, 0, next.stderr)
    const { new_bytes: newBytes } = JSON.parse(next.stdout.trim().split('\n').at(-1)!) as { new_bytes: number }
    assert(newBytes < 34 * MIB, `${newBytes} bytes again, of which 8 MiB were stored`)
    assert.deepEqual(await scratch.readAll(), [early, content])
    assert.equal(operator.run(['check', '--read-data']).status, 0)
  }))

test('a disk without room for a repository leaves none behind that cannot be opened', (t) =>
  withLoopFs(t, 'ext4', 64, (disk) => {
    const folder = tempFolder(t, 'full')
    const place = join(disk, 'repository')
    const operator = new Operator(folder, { location: place, keyFile: join(folder, 'new.key') })
    const filler = fill(disk, 0)
    const init = (file: string) =>
      operator.run(['init', '--new-key-file', join(folder, file)], { env: { HOLDFAST_KEY_FILE: undefined } })
    const full = init('first.key')
    assert.equal(full.status, 8, full.stderr)
    assert.match(full.stderr, /because ENOSPC: [^]*hint: make room/)
    rmSync(filler)
    const done = init('new.key')
    assert.equal(done.status, 0, done.stderr)
    assert.equal(operator.run(['backup', folder]).status, 0)
  }))

/** Takes all room of a disk but so many bytes; returns the file to remove to have it back. */
function fill(disk: string, leave: number): string {
  const path = join(disk, 'filler')
  const fd = openSync(path, 'wx')
  let size = 0
  for (const piece of [new Uint8Array(MIB), new Uint8Array(1024)]) {
    try {
      for (;;) size += writeSync(fd, piece)
    } catch (cause) {
      assert.equal((cause as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
  ftruncateSync(fd, size - leave)
  fsyncSync(fd)
  closeSync(fd)
  return path
}
