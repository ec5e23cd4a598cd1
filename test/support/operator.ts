// Somebody who runs the program: with a home folder, a key file and a repository of their own, and no terminal.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ProgramResult } from './program.ts'
import { commandPath, missing, requireCommand, requireRoot } from './requirements.ts'
import { CHEAP_PASSPHRASES } from './cheap-passphrases.ts'
import { COMPILED } from './compiled.ts'
import type { ScratchRepository } from './scratch-repository.ts'

const MAIN = join(dirname(dirname(import.meta.dirname)), 'src/cli/main.ts')
/** A run that takes longer hangs. */
const TIMEOUT_MS = 120_000
const OUTPUT_MAX = 64 * 1024 * 1024

export interface RunOptions {
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Record<string, string | undefined>
  /** Bound by permissions even where this process is root; see `canRestrict`. */
  readonly restricted?: boolean
  /** What `run` has as standard output instead of what it returns: a file that is open. */
  readonly stdout?: number
  /** The user id to run under; only root may say one. */
  readonly uid?: number
}

export class Operator {
  readonly home: string
  readonly #env: Record<string, string | undefined>

  /** Keeps a home in `folder` under this name; uses the repository unless the environment says otherwise. */
  constructor(folder: string, repository: Pick<ScratchRepository, 'location' | 'keyFile'>, name = 'home') {
    this.home = join(folder, name)
    mkdirSync(this.home)
    this.#env = {
      PATH: process.env['PATH'],
      HOME: this.home,
      LANG: 'C.UTF-8',
      NODE_COMPILE_CACHE: COMPILED, // as the launcher does: starts in a third of the time
      ...CHEAP_PASSPHRASES,
      HOLDFAST_REPO: repository.location,
      HOLDFAST_KEY_FILE: repository.keyFile,
    }
  }

  run(args: readonly string[], opts: RunOptions = {}): ProgramResult {
    const [command, all] = this.#command(args, opts)
    const run = spawnSync(command, all, {
      cwd: this.home,
      env: this.#environment(opts),
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: OUTPUT_MAX,
      stdio: ['ignore', opts.stdout ?? 'pipe', 'pipe'],
    })
    if (run.error !== undefined) throw run.error
    return run
  }

  start(args: readonly string[], opts: RunOptions = {}): RunningProgram {
    const [command, all] = this.#command(args, opts)
    return new RunningProgram(
      spawn(command, all, { cwd: this.home, env: this.#environment(opts), stdio: ['ignore', 'pipe', 'pipe'] }),
    )
  }

  #command(args: readonly string[], { restricted = false, uid }: RunOptions): [string, string[]] {
    const all = [process.execPath, MAIN, ...args]
    const before = restricted && process.getuid?.() === 0 ? [commandPath('setpriv')!, ...WITHOUT_PRIVILEGE] : []
    if (uid !== undefined) before.push(commandPath('setpriv')!, `--reuid=${uid}`, '--clear-groups')
    const [command, ...rest] = [...before, ...all]
    return [command!, rest]
  }

  #environment({ env = {} }: RunOptions): Record<string, string> {
    const given = Object.entries({ ...this.#env, ...env }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    )
    return Object.fromEntries(given)
  }
}

/** What lets root pass over permissions; the user stays root, so that the program and its runtime can still be read. */
const WITHOUT_PRIVILEGE = [
  '--bounding-set',
  '-dac_override,-dac_read_search',
  '--inh-caps',
  '-dac_override,-dac_read_search',
]

/** Whether runs can be bound by permissions here: as any user but root, or with setpriv (util-linux). */
export function canRestrict(): boolean {
  if (process.getuid?.() !== 0) return true
  const setpriv = commandPath('setpriv')
  return setpriv !== undefined && spawnSync(setpriv, [...WITHOUT_PRIVILEGE, 'true']).status === 0
}

/** Whether the program can be read, and so run, under a user id that owns nothing. Skips the test where not. */
export function requireRunnableAs(t: TestContext, uid: number): boolean {
  if (!requireRoot(t) || !requireCommand(t, 'setpriv')) return false
  const flags = [`--reuid=${uid}`, '--clear-groups', process.execPath, '--check', MAIN]
  return spawnSync(commandPath('setpriv')!, flags).status === 0 || missing(t, 'a checkout that every user can read')
}

export class RunningProgram {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, signal) => resolve({ status, signal }))
    })
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Waits until the condition holds; false when the program ends first. */
  async until(condition: () => boolean): Promise<boolean> {
    while (!condition()) {
      if (!this.isRunning) return condition()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    return true
  }

  async end(): Promise<ProgramResult & { readonly signal: NodeJS.Signals | null }> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), TIMEOUT_MS)
    const { status, signal } = await this.#ended
    clearTimeout(timer)
    return { status, signal, stdout: this.stdout, stderr: this.stderr }
  }
}
