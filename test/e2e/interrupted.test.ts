// A backup is stopped or killed at some moment: what was there before stays, nothing half is listed, the next one goes on.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { lockFile } from '../../src/posix/locks.ts'
import { Operator } from '../support/operator.ts'
import { requireLinux } from '../support/requirements.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024
const PACK_SIZE = MIB

/** A repository with one snapshot, and a source of `files` files of 1 MiB each. */
async function prepare(t: TestContext, files: number) {
  const folder = tempFolder(t, 'interrupted')
  const scratch = await ScratchRepository.create(folder, { packSize: PACK_SIZE })
  const operator = new Operator(folder, scratch)
  const early = join(folder, 'early')
  writeFileSync(early, 'stored before')
  await backUp(scratch, [early])
  const source = join(folder, 'source')
  mkdirSync(source)
  const content: Record<string, string> = { [source]: 'directory' }
  for (let file = 0; file < files; file++) {
    const bytes = randomFillSync(new Uint8Array(MIB))
    writeFileSync(join(source, `file-${file}`), bytes)
    content[join(source, `file-${file}`)] = fileWith(bytes)
  }
  const earlyContent = { [early]: fileWith('stored before') }
  return { folder, scratch, operator, source, content, earlyContent }
}

function packs({ location }: ScratchRepository): number {
  const folder = join(location, 'data')
  if (!existsSync(folder)) return 0
  return readdirSync(folder).reduce((sum, name) => sum + readdirSync(join(folder, name)).length, 0)
}

/** The last object that a run with --json wrote. */
function summary(stdout: string): Record<string, number> {
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number>
}

function assertSound(operator: Operator): string {
  const check = operator.run(['check', '--read-data'])
  assert.equal(check.status, 0, check.stdout + check.stderr)
  return check.stdout
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops a backup: no snapshot, everything sealed is kept, and the next one goes on from there`, async (t) => {
    const files = 96
    const { scratch, operator, source, content, earlyContent } = await prepare(t, files)
    const run = operator.start(['backup', source])
    assert(await run.until(() => packs(scratch) >= 4), `it ended before it was stopped: ${run.stderr}`)
    run.kill(signal)
    const { status, stdout, stderr } = await run.end()
    assert.equal(status, code, stderr)
    assert.equal(stdout, '')
    assert.match(
      stderr,
      /^stopping; what is stored stays and the next backup uses it; this one leaves no snapshot \(again to/,
    )
    assert.match(stderr, /^holdfast: the backup was stopped: what it has stored is used by the next one$/m)
    assert.deepEqual(await scratch.readAll(), [earlyContent])

    const kept = packs(scratch)
    const next = operator.run(['backup', '--json', source])
    assert.equal(next.status, 0, next.stderr)
    const { stored_bytes: storedBytes, new_bytes: newBytes } = summary(next.stdout)
    // All but the rest that was in no full pack; the last packs are padded, and two are of the snapshot before.
    const left = (files - kept + 4) * MIB
    assert(
      kept >= 4 && newBytes! < left && storedBytes! < left * 1.1,
      `${kept} packs, then ${newBytes}, ${storedBytes}`,
    )
    assert.deepEqual(await scratch.readAll(), [earlyContent, content])
    assertSound(operator)
  })
}

test('a second Ctrl-C ends at once, also where the first one cannot be followed', async (t) => {
  if (!requireLinux(t)) return
  const { scratch, operator, source, content, earlyContent } = await prepare(t, 1)
  // Another process holds what the backup has to wait for.
  const state = join(operator.home, '.local/state/holdfast')
  mkdirSync(state, { recursive: true })
  const id = Buffer.from((await scratch.open()).id).toString('hex')
  const lock = join(state, `${id}.enrol.lock`)
  const held = openSync(lock, 'w')
  assert(lockFile(held, true, false))
  const run = operator.start(['backup', source])
  assert(await run.until(() => hasOpen(run.child.pid!, lock)), run.stderr) // and waits a minute for it
  run.kill('SIGINT')
  assert(await run.until(() => run.stderr.includes('again to stop at once')), run.stderr)
  assert(run.isRunning)
  const began = performance.now()
  run.kill('SIGINT')
  const { status } = await run.end()
  assert.equal(status, 130)
  assert(performance.now() - began < 5000)
  closeSync(held)
  assert.deepEqual(await scratch.readAll(), [earlyContent])
  assert.equal(operator.run(['backup', source]).status, 0)
  assert.deepEqual(await scratch.readAll(), [earlyContent, content])
})

test('killed at any moment, a backup leaves whole snapshots only, and the next one is complete', async (t) => {
  const rounds = 10
  const seed = Number(process.env['HOLDFAST_KILL_SEED'] ?? Math.floor(Math.random() * 1e6))
  t.diagnostic(`HOLDFAST_KILL_SEED=${seed}`)
  const rng = seededRng(seed)
  const { scratch, operator, source, content, earlyContent } = await prepare(t, 4)
  const began = performance.now()
  assert.equal(operator.run(['backup', source]).status, 0)
  const wholeRunMs = performance.now() - began
  const snapshots = [earlyContent, { ...content }]
  for (let round = 0; round < rounds; round++) {
    const bytes = randomFillSync(new Uint8Array(2 * MIB))
    writeFileSync(join(source, 'changing'), bytes)
    content[join(source, 'changing')] = fileWith(bytes)
    const run = operator.start(['backup', source])
    // Most of a run is the program's start: later moments are the interesting ones.
    await sleep(wholeRunMs * (0.3 + 0.8 * rng()))
    run.kill('SIGKILL')
    const { status, stderr } = await run.end()
    assert(status === null || status === 0, stderr)
    const added = await scratch.readAll(snapshots.length)
    assert(status === null || added.length === 1)
    assert.deepEqual(added, added.length === 0 ? [] : [content])
    snapshots.push(...added)
  }
  assert.equal(operator.run(['backup', source]).status, 0)
  assert.deepEqual(await scratch.readAll(), [...snapshots, content])
  // What a killed backup stored within its last minute is in no index: it takes space and harms nothing.
  const unindexed = /^(\d+) packs? in no index: .* no snapshot needs them$/m.exec(assertSound(operator))
  t.diagnostic(`${unindexed?.[1] ?? 'no'} packs in no index`)
})

function hasOpen(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === path
    } catch {
      return false // closed meanwhile
    }
  })
}
