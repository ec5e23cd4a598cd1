// Several backups into one repository at the same time.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Operator } from '../support/operator.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('backups of one user and of another machine at once all succeed and can all be restored', async (t) => {
  const folder = tempFolder(t, 'beside')
  const scratch = await ScratchRepository.create(folder, { packSize: 1024 * 1024 })
  const here = new Operator(folder, scratch)
  const elsewhere = new Operator(folder, scratch, 'another-machine')
  const shared = randomFillSync(new Uint8Array(3_000_000))
  const contents = ['one', 'two', 'three'].map((name) => {
    const source = join(folder, name)
    mkdirSync(source)
    const own = randomFillSync(new Uint8Array(2_000_000))
    writeFileSync(join(source, 'own'), own)
    writeFileSync(join(source, 'shared'), shared)
    const content = {
      [source]: 'directory',
      [join(source, 'own')]: fileWith(own),
      [join(source, 'shared')]: fileWith(shared),
    }
    return { source, content }
  })
  const [one, two, three] = contents
  // Two different sources and the same one twice, before anybody is enrolled as a writer.
  const runs = [
    here.start(['backup', one!.source]),
    here.start(['backup', two!.source]),
    elsewhere.start(['backup', three!.source]),
    elsewhere.start(['backup', three!.source]),
  ]
  for (const run of runs) {
    const { status, stderr } = await run.end()
    assert.equal(status, 0, stderr)
    assert.doesNotMatch(stderr, /error|warning/)
  }
  const bySource = (a: object, b: object) => (Object.keys(a)[0]! < Object.keys(b)[0]! ? -1 : 1)
  const expected = [one!.content, two!.content, three!.content, three!.content]
  assert.deepEqual((await scratch.readAll()).toSorted(bySource), expected.toSorted(bySource))
  const writers = new Set((await (await scratch.open()).snapshots()).map(({ wid }) => wid))
  assert.equal(writers.size, 2, 'one writer for each machine')

  const check = here.run(['check', '--read-data'])
  assert.equal(check.status, 0, check.stdout + check.stderr)
  const next = here.run(['backup', '--json', one!.source])
  assert.equal(next.status, 0, next.stderr)
  const { new_bytes: newBytes } = JSON.parse(next.stdout.trim().split('\n').at(-1)!) as { new_bytes: number }
  assert.equal(newBytes, 0, 'the next backup finds all that was stored')
})
