// A tree on its way from one version to the next: every step takes over a share of the files that differ, and a few files
// anywhere get another line. The steps are the same for every program.
import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { seededRng, type Rng } from '../../src/base/random.ts'

const EDITED_EACH_STEP = 40
const OUTPUT_MAX = 1 << 28

export interface Versions {
  readonly older: string
  readonly newer: string
}

export class ChangingTree {
  readonly #at: string
  readonly #newer: string
  readonly #steps: number
  /** Paths that differ in the newer version, in the order in which they change. */
  readonly #differing: readonly string[]
  /** Paths of the files that may be edited. */
  readonly #files: readonly string[]
  readonly #rng: Rng = seededRng(1)

  /** Puts the older version at `at`, in the place of what is there. */
  constructor(at: string, { older, newer }: Versions, steps: number) {
    rmSync(at, { recursive: true, force: true })
    output('cp', ['-a', older, at])
    this.#at = at
    this.#newer = newer
    this.#steps = steps
    this.#files = output('find', [at, '-type', 'f', '-size', '-64k', '-printf', '%P\\n']).split('\n').toSorted()
    this.#differing = shuffled(differences(older, newer), this.#rng)
  }

  /** Changes the tree once more; `step` counts from 0. */
  advance(step: number): void {
    const share = this.#differing.length / this.#steps
    for (const path of this.#differing.slice(Math.floor(step * share), Math.floor((step + 1) * share))) {
      const [from, to] = [join(this.#newer, path), join(this.#at, path)]
      rmSync(to, { recursive: true, force: true })
      if (existsSync(from)) cpSync(from, to, { recursive: true, verbatimSymlinks: true })
    }
    for (let i = 0; i < EDITED_EACH_STEP; i++) {
      const path = join(this.#at, this.#files[Math.floor(this.#rng() * this.#files.length)]!)
      if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) appendFileSync(path, `/* step ${step} */\n`)
    }
  }
}

/** Paths that are in one of the trees only, or in both and not the same. */
function differences(older: string, newer: string): string[] {
  return output('diff', ['-rq', '--no-dereference', older, newer])
    .split('\n')
    .flatMap((line) => {
      const only = /^Only in (.+): (.+)$/.exec(line)
      if (only !== null) return [join(only[1]!, only[2]!)]
      const both = /^(?:Files|Symbolic links) (.+) and .+ differ$/.exec(line)
      return both === null ? [] : [both[1]!]
    })
    .map((path) => path.slice((path.startsWith(`${older}/`) ? older : newer).length + 1))
}

function shuffled(items: readonly string[], rng: Rng): string[] {
  return items
    .map((item) => ({ item, at: rng() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

function output(program: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: OUTPUT_MAX })
  // diff ends with 1 when it finds something.
  if (status === 0 || (program === 'diff' && status === 1)) return stdout.trim()
  throw new Error(`${program} failed: ${stderr}`)
}
