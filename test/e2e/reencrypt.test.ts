// The real program encrypts anew what a former member could read, in parts, as somebody does who has no time for all of it.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { parseKeyFile } from '../../src/crypto/keyfile.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { Operator } from '../support/operator.ts'
import { packsOpenTo } from '../support/opened-packs.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024

test('after new keys a former reader reads old content until it is encrypted anew, and nothing of it afterwards', async (t) => {
  const folder = tempFolder(t, 'reencrypt')
  const scratch = await ScratchRepository.create(folder, { packSize: MIB })
  const operator = new Operator(folder, scratch)
  const by = (args: readonly string[], status: number = EXIT.ok): string => {
    const done = operator.run(args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  const at = (name: string) => join(folder, name)
  const source = at('photos')
  mkdirSync(source)
  const contents = new Map<string, Uint8Array>()
  const change = (name: string) => {
    contents.set(join(source, name), randomFillSync(new Uint8Array(MIB)))
    writeFileSync(join(source, name), contents.get(join(source, name))!)
  }
  by(['key', 'add', '--new-key-file', at('ben.key'), '--role', 'read', '--label', 'Ben'])
  by(['key', 'add', '--new-key-file', at('keeper.key'), '--role', 'maintain', '--label', 'Keeper'])
  for (const name of ['a.raw', 'b.raw']) {
    change(name)
    by(['backup', source])
  }
  // Ben keeps what his key file opens.
  const ben = { kind: 'key-file', secret: parseKeyFile(readFileSync(at('ben.key')), 'ben.key') } as const
  const kept = await scratch.openWith(ben)
  const slot = /^([0-9a-f]{10}) .*Ben$/m.exec(by(['key', 'list']))![1]!
  by(['key', 'remove', slot])
  by(['key', 'rotate', '--yes'])
  change('c.raw')
  by(['backup', source])
  const store = await openFsStore(scratch.location, { create: false })
  assert.ok((await packsOpenTo(kept, store)).length > 2)
  by(['prune', '--reencrypt', '--key-file', at('keeper.key')], EXIT.wrongKey)
  const foreseen = recordOf(by(['prune', '--reencrypt', '--dry-run', '--json']))
  assert.match(
    by(['prune', '--reencrypt', '--dry-run']),
    /^would encrypt 2\.\d+ MiB anew, out of \d+ packs under older keys$/m,
  )
  const little = by(['prune', '--reencrypt', '--dry-run', '--max-repack', '10'])
  assert.match(little, /would stay under older keys$/m)
  assert.match(little, /^no pack under older keys fits into --max-repack/m)
  const part = recordOf(by(['prune', '--reencrypt', '--max-repack', '1200K', '--json']))
  assert.ok(part.reencryption.packs_left > 0 && part.reencryption.bytes_done > 0)
  const rest = recordOf(by(['prune', '--reencrypt', '--json']))
  assert.equal(foreseen.reencryption.bytes, part.reencryption.bytes_done + rest.reencryption.bytes_done)
  assert.deepEqual([rest.reencryption.packs_left, rest.reencryption.snapshots], [0, 2])
  assert.match(by(['prune', '--reencrypt']), /nothing of files and folders is left under older keys/)
  assert.deepEqual(await packsOpenTo(kept, store), [])
  const ids = [...by(['snapshots', '--json']).matchAll(/"id":"([0-9a-f]+)"/g)].map(([, id]) => id!)
  assert.equal(ids.length, 3)
  for (const [i, id] of ids.entries()) {
    const target = at(`restored ${i}`)
    by(['restore', id, '--target', target])
    const expected = [...contents].slice(0, i + 1)
    for (const [path, bytes] of expected) assert.deepEqual(new Uint8Array(readFileSync(join(target, path))), bytes)
  }
  by(['check', '--read-data'])
  await store.close()
})

interface PruneRecord {
  readonly reencryption: {
    readonly packs: number
    readonly bytes: number
    readonly bytes_done: number
    readonly packs_left: number
    readonly snapshots: number
  }
}

function recordOf(output: string): PruneRecord {
  const line = output.split('\n').find((each) => each.includes('"type":"summary"'))
  return JSON.parse(line!) as PruneRecord
}
