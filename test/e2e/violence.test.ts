// Two machines back up to one folder while snapshots are forgotten and pruned, and whoever works is killed or stopped at any
// moment, or the disk goes away: what was reported as saved can be restored bit for bit, always.
//   HOLDFAST_VIOLENCE_ROUNDS=300   more rounds than a few
//   HOLDFAST_VIOLENCE_SEED=7       the moments of an earlier run, as far as the machine repeats itself
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type Rng, seededRng } from '../../src/base/random.ts'
import { libc } from '../../src/posix/libc.ts'
import { requireLinux, withLoopFs } from '../support/requirements.ts'
import { ViolentScene } from '../support/violent-scene.ts'

const ROUNDS = Number(process.env['HOLDFAST_VIOLENCE_ROUNDS'] ?? '5')

test('killed and stopped at any moment, nobody loses what was reported as saved', async (t) => {
  if (!requireLinux(t)) return
  const scene = await ViolentScene.create(t, rngOf(t))
  for (let round = 0; round < ROUNDS; round++) await scene.round()
  await scene.endsWell()
  t.diagnostic(
    `${scene.killed} killed, ${scene.stopped} stopped, ${scene.fenced} fenced, ${scene.deleted} packs deleted`,
  )
})

test('a disk that goes away with what it had not written yet takes nothing that was reported as saved', (t) =>
  withLoopFs(t, 'ext4', 90, async (disk) => {
    const scene = await ViolentScene.create(t, rngOf(t), disk)
    for (let round = 0; round < ROUNDS; round++) {
      await scene.roundWithoutDisk(
        () => cutOff(disk),
        () => mountAgain(disk),
      )
    }
    await scene.endsWell()
    t.diagnostic(`${scene.failed} backups lost their disk`)
  }))

test('a disk that becomes read-only in the middle of everything takes nothing that was reported as saved', (t) =>
  withLoopFs(t, 'ext4', 90, async (disk) => {
    const scene = await ViolentScene.create(t, rngOf(t), disk)
    for (let round = 0; round < ROUNDS; round++) {
      await scene.roundWithoutDisk(
        () => makeReadOnly(disk),
        () => run('mount', '-o', 'remount,rw', disk),
      )
    }
    await scene.endsWell()
    t.diagnostic(`${scene.failed} backups could not write any more`)
  }))

function rngOf(t: TestContext): Rng {
  const seed = Number(process.env['HOLDFAST_VIOLENCE_SEED'] ?? Math.floor(Math.random() * 1e6))
  t.diagnostic(`HOLDFAST_VIOLENCE_SEED=${seed}`)
  return seededRng(seed)
}

/** FS_IOC_SHUTDOWN, and its way of leaving the journal as it is: every request fails from now on, as on a disk that is gone. */
const SHUTDOWN = 0x8004587d
const WITHOUT_JOURNAL = 2

function cutOff(disk: string): void {
  const fd = openSync(disk, 'r')
  try {
    const how = new Uint8Array(Uint32Array.of(WITHOUT_JOURNAL).buffer)
    if (libc()!.ioctl(fd, SHUTDOWN, how) !== 0) throw new Error('the file system cannot be shut down')
  } finally {
    closeSync(fd)
  }
}

/** As soon as no file is open for writing: before that the kernel refuses. */
function makeReadOnly(disk: string): void {
  const began = performance.now()
  while (spawnSync('mount', ['-o', 'remount,ro', disk]).status !== 0) {
    if (performance.now() - began > 10_000) throw new Error('the disk is busy all the time')
  }
}

function mountAgain(disk: string): void {
  run('umount', disk)
  run('mount', '-o', 'loop', join(dirname(disk), 'image'), disk)
}

function run(name: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(name, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`)
}
