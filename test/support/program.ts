// The real program, as a user starts it: ./holdfast with a home folder and a repository of its own.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CHEAP_PASSPHRASES } from './cheap-passphrases.ts'
import { COMPILED } from './compiled.ts'

const LAUNCHER = join(dirname(dirname(import.meta.dirname)), 'holdfast')
const OUTPUT_MAX = 64 * 1024 * 1024

export interface ProgramResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Program {
  readonly repository: string
  readonly launcher = LAUNCHER
  readonly #home: string

  /** Keeps home and repository in `folder`, which must be there. */
  constructor(folder: string) {
    this.repository = join(folder, 'repository')
    this.#home = join(folder, 'home')
    mkdirSync(this.#home)
  }

  run(...args: string[]): ProgramResult {
    return this.#spawn(LAUNCHER, args)
  }

  /** A line of bash in the same surroundings; `$HOLDFAST` is the program. */
  shell(line: string): ProgramResult {
    return this.#spawn('bash', ['-c', line])
  }

  /** Standard output of a run that must end with `status`. */
  expect(status: number, ...args: string[]): string {
    const run = this.run(...args)
    if (run.status !== status) {
      throw new Error(
        `holdfast ${args.join(' ')} ended with ${run.status}, not ${status}:\n${run.stdout}\n${run.stderr}`,
      )
    }
    return run.stdout
  }

  #spawn(program: string, args: readonly string[]): ProgramResult {
    const env = {
      PATH: process.env['PATH'],
      HOME: this.#home,
      LANG: 'C.UTF-8',
      HOLDFAST: LAUNCHER,
      NODE_COMPILE_CACHE: COMPILED,
      ...CHEAP_PASSPHRASES,
      HOLDFAST_PASSWORD: 'correct horse battery staple',
      HOLDFAST_REPO: this.repository,
    }
    const run = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: OUTPUT_MAX })
    if (run.error !== undefined) throw run.error
    return run
  }
}
