// Runs hostile cases, one after the other: builds each, then does everything with it that a user does, and tells what was said and how much
// memory it took. Only errors that are named come back as such; a crash ends the process.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupError } from '../../src/base/errors.ts'
import { catFile } from '../../src/ops/cat.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import { listTree } from '../../src/ops/ls.ts'
import { HostileWriter } from './hostile-writer.ts'
import { CASES } from './hostile-cases.ts'
import { checked, story } from './observation.ts'

const MIB = 1024 * 1024
/** A longer file is not read to its end: that takes as long as it is long. */
const READ_MAX = 1024 * MIB
let peak = 0

setInterval(watch, 5).unref()
for (const name of process.argv.slice(2)) process.stdout.write(`${JSON.stringify(await runCase(name))}\n`)

async function runCase(name: string) {
  const hostile = await HostileWriter.create()
  await CASES[name]!.make(hostile)
  const said: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'))
  const target = join(folder, 'target')
  mkdirSync(target)
  const peakBefore = peakOfKernel()
  const before = process.memoryUsage.rss()
  const began = performance.now()
  peak = before
  try {
    await attempt('check', said, async () => {
      const { damages } = await checked(await hostile.made.open())
      for (const { object, code, messages } of damages) said.push(`check ${object} ${code}: ${messages.join('; ')}`)
    })
    await attempt('read', said, () => useSnapshots(hostile, { target, dryRun: CASES[name]!.dryRun ?? false }, said))
    // The kernel knows a peak within one call too, unless there was a higher one before.
    const growthMiB = Math.ceil(Math.max(peak - before, peakOfKernel() - peakBefore) / MIB)
    const ms = Math.ceil(performance.now() - began)
    return { name, growthMiB, ms, said, restored: readdirSync(target).sort(), outside: readdirSync(folder) }
  } finally {
    // `rm` walks by directory handles; node:fs gives up on long paths.
    spawnSync('rm', ['-rf', folder])
  }
}

function watch(): void {
  peak = Math.max(peak, process.memoryUsage.rss())
}

function peakOfKernel(): number {
  return process.resourceUsage().maxRSS * 1024
}

async function useSnapshots(
  hostile: HostileWriter,
  to: { target: string; dryRun: boolean },
  said: string[],
): Promise<void> {
  const repo = await hostile.made.open()
  await repo.loadIndex()
  for (const problem of repo.index.damaged) said.push(`index ${story(problem)}`)
  for (const listed of await repo.catalog.list()) {
    await attempt('snapshot', said, async () => {
      const opened = await repo.catalog.open(listed)
      const { root } = opened!.body
      const files: Uint8Array[] = []
      await attempt('list', said, () =>
        listTree({
          reader: repo,
          root,
          path: new Uint8Array(),
          recursive: true,
          onEntry: (path, { kind, size = 0 }) => {
            if (kind === 'file' && size <= READ_MAX && files.length < 10) files.push(path)
          },
        }),
      )
      for (const path of files) {
        await attempt('read', said, async () => {
          for await (const part of catFile(repo, root, path)) void part
        })
      }
      await attempt('restore', said, async () => {
        const { troubles } = await restore({ repo, root, ...to, threads: 0, path: Buffer.from('/source') })
        for (const { path, code, message } of troubles.slice(0, 20)) {
          said.push(`restore ${JSON.stringify(Buffer.from(path).toString())} ${code}: ${message}`)
        }
      })
    })
  }
}

async function attempt(step: string, said: string[], run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    said.push(`${step} ${story(error)}`)
  }
  watch()
}
