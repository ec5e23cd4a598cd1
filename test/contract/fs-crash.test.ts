import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openFsStore } from '../../src/store/fs-store.ts'
import { listAll } from '../../src/store/store.ts'
import { tempFolder } from '../support/temp-folder.ts'

const PROGRAM = fileURLToPath(new URL('putting-process.ts', import.meta.url))
const KILLS = 8

test('a process killed in the middle of its puts leaves only whole objects, and all it acknowledged', async (t) => {
  const root = join(tempFolder(t), 'repository')
  const store = await openFsStore(root, { create: true })
  let acknowledged = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const child = start(root, 'forever', `${kill}`)
    await untilReady(child)
    await wait(3 + kill * 7)
    child.process.kill('SIGKILL')
    await child.closed
    const told = child.lines().filter((line) => line.startsWith('data/'))
    acknowledged += told.length
    for (const name of told) assert.ok((await store.stat(name)) !== null, `${name} was acknowledged`)
  }
  let objects = 0
  for await (const { name, size } of listAll(store, 'data/')) {
    const bytes = await store.get(name)
    assert.equal(bytes.byteLength, size)
    assert.ok(name.endsWith(createHash('sha256').update(bytes).digest('hex')), `${name} holds other bytes`)
    objects++
  }
  // Without these the test would show nothing.
  assert.ok(acknowledged > 0 && objects >= acknowledged, `${objects} objects, ${acknowledged} acknowledged`)
  assert.ok(readdirSync(join(root, 'tmp')).length > 0, 'no process died in the middle of a put')
})

test('of processes that put the same names at the same time exactly one makes each object', async (t) => {
  const root = join(tempFolder(t), 'repository')
  const store = await openFsStore(root, { create: true })
  const children = ['one', 'two', 'six'].map((id) => start(root, 'same', id))
  for (const child of children) assert.deepEqual(await child.closed, [0, null])
  const made = children.flatMap((child) => child.lines())
  assert.equal(made.length, 50)
  assert.equal(new Set(made).size, 50)
  for (const [n, id] of ['one', 'two', 'six'].entries()) {
    for (const name of children[n]!.lines()) {
      assert.equal(Buffer.from(await store.get(name, { offset: 0, length: 3 })).toString(), id)
    }
  }
})

interface Child {
  readonly process: ChildProcess
  /** Exit code and signal. */
  readonly closed: Promise<unknown[]>
  /** Whole lines of its standard output so far. */
  lines(): string[]
}

function start(root: string, mode: string, id: string): Child {
  const child = spawn(process.execPath, [PROGRAM, root, mode, id], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  return { process: child, closed: once(child, 'close'), lines: () => output.split('\n').slice(0, -1) }
}

async function untilReady(child: Child): Promise<void> {
  while (child.lines()[0] !== 'ready') await once(child.process.stdout!, 'data')
}
