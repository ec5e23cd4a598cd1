// Runs one command and says what it cost: time on the clock, time of the processors, peak memory of its processes.
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { PeakMemory } from './peak-memory.ts'

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface Cost {
  /** Seconds from start to end of the command. */
  readonly seconds: number
  /** Seconds that processors worked for it, in user and system mode, all processes and threads. */
  readonly cpuSeconds: number
  /** Highest sum, over its processes at one time, of the memory each had resident at most; bytes. */
  readonly peakBytes: number | undefined // of a command that is over sooner than one looks
}

export interface Outcome extends Cost {
  readonly stdout: string
}

/** Environment of commands that must not be changed by the operator's settings. */
export function cleanEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', TZ: 'UTC' }
}

// The shell's `times` gives user and system time of the command and of all it waited for, on its second line.
const WITH_TIMES = '"$@"; status=$?; times >&3; exit $status'
const OUTPUT_MAX = 4 * 1024 * 1024 // enough for a list of snapshots

/** Runs the command to its end. Throws with what it wrote to standard error unless it exits with 0. */
export async function measure(command: Command): Promise<Outcome> {
  const begin = performance.now()
  const child = spawn('/bin/sh', ['-c', WITH_TIMES, 'sh', command.program, ...command.args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...(command.env === undefined ? {} : { env: command.env }),
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  })
  const memory = child.pid === undefined ? undefined : new PeakMemory(child.pid)
  const texts = Promise.all([1, 2, 3].map((fd) => text(child.stdio[fd] as Readable)))
  const status = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  }).finally(() => memory?.stop())
  const seconds = (performance.now() - begin) / 1000
  const [stdout = '', stderr = '', times = ''] = await texts
  if (status !== 0) throw new Error(`${display(command)} ended with ${status}\n${stderr || stdout}`)
  return { seconds, cpuSeconds: cpuSecondsOf(times), peakBytes: memory?.peak, stdout }
}

/** The command as it could be typed. */
export function display(command: Command): string {
  return [command.program, ...command.args]
    .map((word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word}'`))
    .join(' ')
}

/** `0m1.23s 0m0.45s` on the second line. */
function cpuSecondsOf(times: string): number {
  let sum = 0
  for (const [, minutes, seconds] of (times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)) {
    sum += 60 * Number(minutes) + Number(seconds)
  }
  return sum
}

async function text(stream: Readable): Promise<string> {
  let kept = ''
  for await (const part of stream) if (kept.length < OUTPUT_MAX) kept += String(part)
  return kept
}
