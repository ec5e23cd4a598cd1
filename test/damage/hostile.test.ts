// Objects with valid keys and signatures that are made to hurt whoever reads them. Each is met by a named error or refused
// for one item, in little time and little memory. They are used in processes of their own, whose memory is measured.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { CASES } from './hostile-cases.ts'

/** What a process may grow beyond what it had when the case was built. */
const GROWTH_MAX_MIB = 200
/** Each takes a fraction of a second alone; the deepest tree takes some. */
const TIMEOUT_MS = 60_000
/** Cases that share a process: starting one takes longer than most cases. */
const TOGETHER = 8

interface Report {
  readonly name: string
  readonly growthMiB: number
  /** `check <object> <code>: <messages>`, `list …`, `read …`, `restore …`. */
  readonly said: readonly string[]
  /** What a restore has left in the target, and beside it. */
  readonly restored: readonly string[]
  readonly outside: readonly string[]
}

const NAMES = Object.keys(CASES)
for (let at = 0; at < NAMES.length; at += TOGETHER) {
  const names = NAMES.slice(at, at + TOGETHER)
  test(`hostile objects are named, and cost little time and memory (${at + 1} to ${at + names.length})`, async (t) => {
    const reports = await runCases(names)
    for (const name of names) await t.test(name, () => assertWell(name, reports))
  })
}

function assertWell(name: string, { reports, ended }: Outcome): void {
  const { expect, restored = [] } = CASES[name]!
  const report = reports.find((each) => each.name === name)
  assert.ok(report !== undefined, `the process ended with ${ended}`)
  for (const pattern of expect) {
    assert.ok(
      report.said.some((line) => pattern.test(line)),
      `nothing says ${pattern}:\n${report.said.join('\n')}`,
    )
  }
  assert.deepEqual(report.restored, restored, report.said.join('\n'))
  assert.deepEqual(report.outside, ['target'])
  assert.ok(report.growthMiB < GROWTH_MAX_MIB, `the process grew by ${report.growthMiB} MiB`)
}

interface Outcome {
  readonly reports: readonly Report[]
  readonly ended: string
}

function runCases(names: readonly string[]): Promise<Outcome> {
  const script = join(import.meta.dirname, 'hostile-process.ts')
  const args = ['--disable-warning=ExperimentalWarning', script, ...names]
  const child = spawn(process.execPath, args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' })
  const parts: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  child.stderr.on('data', (part: Buffer) => errors.push(part))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const lines = Buffer.concat(parts).toString().split('\n').slice(0, -1)
      const reports = lines.map((line) => JSON.parse(line) as Report)
      resolve({ reports, ended: `${signal ?? code}: ${Buffer.concat(errors).toString().slice(0, 4000)}` })
    })
  })
}
