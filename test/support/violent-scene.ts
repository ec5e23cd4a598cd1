// Two machines that back up to one folder, somebody who forgets and prunes, and what each of them was told is safe: for tests
// that are violent to processes and disks.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { codeOf } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import type { Rng } from '../../src/base/random.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { moveToTrash, purgeTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { chance, pick } from '../../src/store/faults.ts'
import { Operator } from './operator.ts'
import type { RunningProgram } from './operator.ts'
import { fileWith, readTree, ScratchRepository } from './scratch-repository.ts'
import type { SnapshotContent } from './scratch-repository.ts'
import { tempFolder } from './temp-folder.ts'

const KIB = 1024
/** Snapshots of a machine that stay: more than it makes in two rounds. */
const KEPT = 4
const PRUNE_ALL = ['prune', '--max-unused', '0%', '--max-removed', '100%']

export class Machine {
  readonly operator: Operator
  readonly source: string
  readonly #files: Record<string, string> = {}
  /** Everything that its source ever held. */
  readonly states = new Set<string>()
  /** What was reported as saved last. */
  saved: string | undefined

  constructor(operator: Operator, source: string) {
    this.operator = operator
    this.source = source
    mkdirSync(source)
    this.#files[source] = 'directory'
    this.write('steady', 200 * KIB)
  }

  write(name: string, size: number): void {
    const bytes = randomFillSync(new Uint8Array(size))
    writeFileSync(join(this.source, name), bytes)
    this.#files[join(this.source, name)] = fileWith(bytes)
    this.states.add(this.state)
  }

  get state(): string {
    return comparable(this.#files)
  }
}

export class ViolentScene {
  readonly #scratch: ScratchRepository
  readonly #machines: readonly Machine[]
  readonly #rng: Rng
  readonly #state = memoryState()
  /** How long one backup takes here. */
  #wholeMs = 0
  failed = 0
  killed = 0
  stopped = 0
  fenced = 0
  deleted = 0

  private constructor(scratch: ScratchRepository, machines: readonly Machine[], rng: Rng) {
    this.#scratch = scratch
    this.#machines = machines
    this.#rng = rng
  }

  /** `disk` is where the repository lies; a folder of the test unless given. */
  static async create(t: TestContext, rng: Rng, disk?: string): Promise<ViolentScene> {
    const folder = tempFolder(t, 'violence')
    const location = join(disk ?? folder, 'repository')
    const scratch = await ScratchRepository.create(folder, { location, packSize: 256 * KIB })
    const machines = ['one', 'two'].map(
      (name) => new Machine(new Operator(folder, scratch, name), join(folder, `source-${name}`)),
    )
    const scene = new ViolentScene(scratch, machines, rng)
    for (const machine of machines) {
      const began = performance.now()
      const run = machine.operator.run(['backup', machine.source])
      assert.equal(run.status, 0, run.stderr)
      machine.saved = machine.state
      scene.#wholeMs = performance.now() - began
    }
    return scene
  }

  /** Processes are killed, or stopped until others believe that they are dead. */
  async round(): Promise<void> {
    const rng = this.#rng
    for (const machine of this.#machines) machine.write(pick(rng, ['a', 'b', 'c']), 500 * KIB)
    const admin = pick(rng, this.#machines).operator
    const work: { readonly program: RunningProgram; readonly machine?: Machine; isKilled: boolean }[] = []
    for (const machine of this.#machines) {
      work.push({ program: machine.operator.start(['backup', machine.source]), machine, isKilled: false })
    }
    const forget = ['forget', '--keep-last', String(KEPT), '--allow-unusual']
    for (const args of [forget, PRUNE_ALL]) {
      if (chance(rng, 0.7)) work.push({ program: admin.start(args), isKilled: false })
    }
    const stopped: RunningProgram[] = []
    await Promise.all(
      work.map(async (each) => {
        const fate = pick(rng, ['nothing', 'kill', 'kill', 'stop', 'stop'] as const)
        // Most of a run is the start of the program: later moments are the interesting ones.
        const afterMs = this.#wholeMs * (0.2 + rng())
        await Promise.race([sleep(afterMs), each.program.end()])
        if (!each.program.isRunning || fate === 'nothing') return
        if (fate === 'kill') {
          each.isKilled = true
          each.program.kill('SIGKILL')
          this.killed++
        } else {
          each.program.kill('SIGSTOP')
          stopped.push(each.program)
          this.stopped++
        }
      }),
    )
    const others = work.filter(({ program }) => !stopped.includes(program))
    await Promise.all(others.map(({ program }) => program.end()))
    // Whoever sleeps is taken for dead, and what it relies on is deleted if nothing else needs it.
    await this.#pruneInHaste()
    for (const program of stopped) program.kill('SIGCONT')
    for (const { program, machine, isKilled } of work) {
      const { status, stderr } = await program.end()
      if (machine === undefined) continue
      assert.ok(status === 0 || isKilled, stderr)
      if (status === 0) machine.saved = machine.state
    }
    await this.#verify()
  }

  /** The disk goes away in the middle of a backup and a prune, and comes back. */
  async roundWithoutDisk(goAway: () => void, comeBack: () => void): Promise<void> {
    const rng = this.#rng
    const machine = pick(rng, this.#machines)
    machine.write(pick(rng, ['a', 'b', 'c']), 500 * KIB)
    const backup = machine.operator.start(['backup', machine.source])
    const others = chance(rng, 0.5) ? [pick(rng, this.#machines).operator.start(PRUNE_ALL)] : []
    await Promise.race([sleep(this.#wholeMs * (0.2 + rng())), backup.end()])
    goAway()
    const { status, stderr } = await backup.end()
    for (const other of others) await other.end()
    comeBack()
    if (status === 0) machine.saved = machine.state
    else this.failed++
    assert.ok(status === 0 || /^holdfast: /m.test(stderr), `it says what went wrong: ${stderr}`)
    await this.#verify()
  }

  async endsWell(): Promise<void> {
    for (const machine of this.#machines) {
      const run = machine.operator.run(['backup', machine.source])
      assert.equal(run.status, 0, run.stderr)
      machine.saved = machine.state
    }
    await this.#forgetWhatCountsForNothing()
    await this.#pruneInHaste()
    await this.#verify()
    const check = this.#machines[0]!.operator.run(['check', '--read-data'])
    assert.equal(check.status, 0, check.stdout + check.stderr)
  }

  async #pruneInHaste(): Promise<void> {
    const repo = await this.#scratch.open()
    const shared = { clock: systemClock, random: secureRandom, by: 'test' }
    const writer = await writerIdentity(repo, { state: this.#state, ...shared, host: 'test' })
    await purgeTrash(repo, { writer, ...shared, days: -1 })
    const report = await prune(await this.#scratch.open(), {
      ...shared,
      state: this.#state,
      random: secureRandom,
      host: 'test',
      tool: 'test',
      onEvent: ignoreEvents,
      threads: 0,
      maxRemoved: 1,
      maxUnused: 0,
      silenceMs: 0,
    })
    this.fenced += report.sessionsFenced
    this.deleted += report.packsDeleted
  }

  /** Snapshots that nobody was told are safe, and that lack something. */
  async #forgetWhatCountsForNothing(): Promise<void> {
    const repo = await this.#scratch.open()
    const lacking = []
    for (const snapshot of await repo.snapshots()) {
      if (!snapshot.confirmed && (await contentOf(repo, snapshot.body.root)) === undefined) lacking.push(snapshot)
    }
    if (lacking.length === 0) return
    const shared = { clock: systemClock, random: secureRandom, by: 'test' }
    const writer = await writerIdentity(repo, { state: this.#state, ...shared, host: 'test' })
    await moveToTrash(repo, lacking, { writer, ...shared })
  }

  /** Every snapshot that counts holds what a source held at some time, and what was reported last is there. */
  async #verify(): Promise<void> {
    const repo = await this.#scratch.open()
    const found = new Set<string>()
    for (const { body, confirmed, objectName } of await repo.snapshots()) {
      const content = await contentOf(repo, body.root)
      if (content === undefined) {
        assert.ok(!confirmed, `${objectName} is confirmed and lacks something`)
        continue
      }
      assert.ok(
        this.#machines.some(({ states }) => states.has(content)),
        `${objectName} holds what was never there`,
      )
      found.add(content)
    }
    for (const { saved, source } of this.#machines) assert.ok(found.has(saved!), `what ${source} has saved is there`)
  }
}

/** Undefined when something of it is gone. */
async function contentOf(
  repo: Awaited<ReturnType<ScratchRepository['open']>>,
  root: Uint8Array,
): Promise<string | undefined> {
  try {
    return comparable(await readTree(repo, root))
  } catch (error) {
    if (codeOf(error) !== 'corrupt' && codeOf(error) !== 'not-found') throw error
    return undefined
  }
}

function comparable(content: SnapshotContent): string {
  return JSON.stringify(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
