// Sources in file systems of this machine.
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../base/clock.ts'
import type { Clock } from '../../base/clock.ts'
import { codeOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { FileStat } from '../../posix/stat.ts'
import { lookAgain } from '../../source/look-again.ts'
import { TreeWalker } from '../../source/walk.ts'
import type { SourceProblem } from '../../source/problems.ts'
import type { WalkedDirectory } from '../../source/walked-directory.ts'
import type { WalkedEntry, WalkSource } from '../../source/walk-options.ts'
import { describeEntry } from '../../source/attributes.ts'
import type { EntryPlace } from '../../source/attributes.ts'
import type { BackupReport } from './report.ts'
import type { OtherExtras, Scan } from './scan.ts'
import type { BackupSource } from './source.ts'

type Measure = NonNullable<BackupSource['measure']>

/** The walk lets other work of its thread run after this many milliseconds. */
const STRETCH_MS = 4

export interface FileSystemSourceOptions {
  readonly sources: readonly WalkSource[]
  /** The repository's own folder, which is not backed up into itself. */
  readonly avoid?: readonly { readonly dev: bigint; readonly ino: bigint }[]
  readonly compare: BackupSource['compare']
  /** For the length of a stretch; the system's unless given. */
  readonly clock?: Clock
}

export function fileSystemSource(opts: FileSystemSourceOptions): BackupSource {
  const paths = opts.sources.map(({ path }) => path)
  return {
    paths,
    walk: (scan, report, check) => walk(opts, scan, report, check),
    measure: (signal) => measure(opts, signal),
    compare: opts.compare,
    restat: (path) => lookAgain(path, paths),
  }
}

async function walk(opts: FileSystemSourceOptions, scan: Scan, report: BackupReport, check: () => void): Promise<void> {
  const { clock = systemClock } = opts
  const walker = new TreeWalker({
    sources: opts.sources,
    report: (problem) => reportProblem(problem, report),
    ...(opts.avoid !== undefined && { avoid: opts.avoid }),
    excluded: (directory, name) => report.excluded(directory, name),
  })
  try {
    let stretchEnd = clock.monotonic() + STRETCH_MS
    for (let step = walker.next(); step !== null; step = walker.next()) {
      if (step.kind === 'enter') await enter(scan, step.directory)
      else if (step.kind === 'entries') await takeEntries(scan, step.directory, step.entries)
      else if (step.kind === 'leave' && step.directory.depth > 0) scan.leave(step.complete)
      if (clock.monotonic() < stretchEnd) continue
      check()
      await setImmediate()
      stretchEnd = clock.monotonic() + STRETCH_MS
    }
  } finally {
    walker.close()
  }
}

/** The same walk without anything but counting: problems and what is left out are told by the real one. */
async function measure(
  { sources, avoid, clock = systemClock }: FileSystemSourceOptions,
  signal: AbortSignal,
): ReturnType<Measure> {
  const walker = new TreeWalker({ sources, report: () => {}, ...(avoid !== undefined && { avoid }) })
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

async function enter(scan: Scan, directory: WalkedDirectory): Promise<void> {
  if (directory.depth === 0) return
  const { parent, name } = directory
  await scan.enter(name, directory.path(), directory.stat!, () =>
    extrasOf({ dirFd: parent!.fd, name, ...(directory.isOpen && { fd: directory.fd }) }, directory.stat!),
  )
}

async function takeEntries(scan: Scan, directory: WalkedDirectory, entries: readonly WalkedEntry[]): Promise<void> {
  for (const { name, key, stat } of entries) {
    if (stat.kind === 'directory') continue // entered in the next step
    const path = directory.path(name)
    // Awaited only where there is something to wait for: most files of most backups have not changed.
    const wait =
      stat.kind === 'file'
        ? scan.file(name, key, path, stat, () => extrasOf({ dirFd: directory.fd, name }, stat))
        : scan.other(name, path, stat, () => extrasOf({ dirFd: directory.fd, name }, stat))
    if (wait !== undefined) await wait
  }
}

function extrasOf(place: EntryPlace, stat: FileStat): OtherExtras {
  const { entry, attributes, reasons } = describeEntry(place, stat, noGroup)
  return {
    reasons,
    ...(entry.target !== undefined && { target: entry.target }),
    ...(entry.trouble !== undefined && { trouble: entry.trouble }),
    ...(entry.flags !== undefined && { flags: entry.flags }),
    ...(attributes.xattrs !== undefined && { xattrs: attributes.xattrs }),
  }
}

/** The scan names hard link groups itself. */
const noGroup = () => new Uint8Array(8)

function reportProblem({ path, code, errno, text }: SourceProblem, report: BackupReport): void {
  const kind: ErrorCode = errno === undefined ? 'io' : codeOf({ code: errno })
  if (code === 0) report.warning(path, kind, text)
  else report.trouble(path, code, kind, text)
}
