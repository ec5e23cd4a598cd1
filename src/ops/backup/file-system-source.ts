// Sources in file systems of this machine.
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../base/clock.ts'
import type { Clock } from '../../base/clock.ts'
import { codeOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { Method } from '../../compress/method.ts'
import type { Timespec } from '../../base/time.ts'
import type { Entry } from '../../format/entry-model.ts'
import { compareWithParent } from '../../source/change-detection.ts'
import type { Verdict } from '../../source/change-detection.ts'
import { FilePolicy } from '../../source/file-policy.ts'
import type { FilePolicyOptions } from '../../source/file-policy.ts'
import { extrasAgain, lookAgain } from '../../source/look-again.ts'
import type { SourceProblem } from '../../source/problems.ts'
import { SourceRules } from '../../source/rules.ts'
import type { RuleOptions } from '../../source/rules.ts'
import { ThreadedWalk } from '../../source/threaded-walk.ts'
import { OP, WalkColumnsReader } from '../../source/walk-columns.ts'
import { WalkPlace } from '../../source/walk-place.ts'
import { TreeWalker } from '../../source/walk.ts'
import { ORDINARY, type Treatment } from './jobs.ts'
import type { Found } from './pending-file.ts'
import type { BackupReport } from './report.ts'
import type { Scan } from './scan.ts'
import type { BackupSource } from './source.ts'

type Measure = NonNullable<BackupSource['measure']>

/** The count beside the walk lets other work of its thread run after this many milliseconds. */
const STRETCH_MS = 4

export interface FileSystemSourceOptions {
  readonly sources: readonly { readonly path: Uint8Array; readonly rules?: RuleOptions }[]
  /** The repository's own folder, which is not backed up into itself. */
  readonly avoid?: readonly { readonly dev: bigint; readonly ino: bigint }[]
  readonly files?: FilePolicyOptions
  /** Whether each path that rules leave out is told. */
  readonly tellExcluded?: boolean
  readonly clock?: Clock
}

export class FileSystemSource implements BackupSource {
  readonly #opts: FileSystemSourceOptions
  readonly #clock: Clock
  readonly paths: readonly Uint8Array[]
  readonly methods: readonly Method[]
  readonly #policy: FilePolicy
  #begun: { readonly walk: ThreadedWalk; readonly at: number } | undefined

  constructor(opts: FileSystemSourceOptions) {
    this.#opts = opts
    this.#clock = opts.clock ?? systemClock
    this.paths = opts.sources.map(({ path }) => path)
    this.#policy = new FilePolicy(opts.files ?? {}, this.paths)
    this.methods = this.#policy.methods
  }

  begin(): number {
    this.#begun ??= { at: this.#clock.now(), walk: this.#startWalk() }
    return this.#begun.at
  }

  async walk(scan: Scan, report: BackupReport, check: () => void): Promise<void> {
    this.begin()
    const { walk } = this.#begun!
    this.#begun = undefined
    try {
      let above = WalkPlace.top()
      for (let columns = await walk.next(); columns !== null; columns = await walk.next()) {
        above = await this.#take(new WalkColumnsReader(columns), above, scan, report)
        check()
        await setImmediate()
      }
    } finally {
      await walk.close()
    }
  }

  async close(): Promise<void> {
    await this.#begun?.walk.close()
    this.#begun = undefined
  }

  compare(entry: Entry, file: Found, since: Timespec): Verdict {
    return compareWithParent(entry, file.stat, since, this.#policy.changesOf(file))
  }

  treatment(file: Found): Treatment {
    const blockSize = this.#policy.blockSizeOf(file)
    const method = this.#policy.methodOf(file)
    const compared = this.#policy.comparesStored(file)
    return blockSize === 0 && method === 0 && !compared ? ORDINARY : { blockSize, method, compared }
  }

  get compares(): boolean {
    return this.#policy.compares
  }

  restat(path: Uint8Array): FileStat {
    return lookAgain(path, this.paths)
  }

  measure(signal: AbortSignal): ReturnType<Measure> {
    return measure(this.#opts, this.#clock, signal)
  }

  #startWalk(): ThreadedWalk {
    const { sources, avoid = [], tellExcluded = false } = this.#opts
    return new ThreadedWalk({
      sources: sources.map(({ path, rules = {} }) => ({ path, rules })),
      avoid,
      tellExcluded,
    })
  }

  /** Hands the steps of a stretch on; `above` is the directory the walk is in, and becomes the one it is in afterwards. */
  async #take(steps: WalkColumnsReader, above: WalkPlace, scan: Scan, report: BackupReport): Promise<WalkPlace> {
    let here = above
    for (let op = steps.next(); op !== undefined; op = steps.next()) {
      // Awaited only where there is something to wait for: most files of most backups have not changed.
      let wait: Promise<void> | undefined
      switch (op) {
        case OP.file: {
          const found = steps.found(here)
          wait = scan.file(found, () => extrasAgain(found.path, found.stat, this.paths))
          break
        }
        case OP.enter: {
          const found = steps.found(here)
          const extras = steps.extras()
          here = new WalkPlace(here, found.name)
          wait = scan.enter(found, () => extras)
          break
        }
        case OP.other: {
          const extras = steps.extras()
          wait = scan.other(steps.found(here), () => extras)
          break
        }
        case OP.problem:
          reportProblem(steps.problem(), report)
          break
        case OP.excluded:
          report.excluded(steps.excluded())
          break
        default:
          here = here.parent!
          scan.leave(op === OP.leave)
      }
      if (wait !== undefined) await wait
    }
    return here
  }
}

/** The same walk without anything but counting: problems and what is left out are told by the real one. */
async function measure(
  { sources, avoid }: FileSystemSourceOptions,
  clock: Clock,
  signal: AbortSignal,
): ReturnType<Measure> {
  const walker = new TreeWalker({
    sources: sources.map(({ path, rules }) => ({ path, rules: new SourceRules(rules) })),
    report: () => {},
    ...(avoid !== undefined && { avoid }),
  })
  let files = 0
  let bytes = 0
  try {
    let stretchEnd = clock.monotonic() + STRETCH_MS
    for (let step = walker.next(); step !== null; step = walker.next()) {
      if (step.kind === 'entries') {
        for (const { stat } of step.entries) {
          if (stat.kind !== 'file') continue
          files++
          bytes += stat.size
        }
      }
      if (clock.monotonic() < stretchEnd) continue
      await setImmediate()
      if (signal.aborted) return undefined
      stretchEnd = clock.monotonic() + STRETCH_MS
    }
    return { files, bytes }
  } catch {
    return undefined
  } finally {
    walker.close()
  }
}

function reportProblem({ path, code, errno, text }: SourceProblem, report: BackupReport): void {
  const kind: ErrorCode = errno === undefined ? 'io' : codeOf({ code: errno })
  if (code === 0) report.warning(path, kind, text)
  else report.trouble(path, code, kind, text)
}
