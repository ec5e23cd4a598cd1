// Sources in file systems of this machine.
import { setImmediate } from 'node:timers/promises'
import type { ErrorCode } from '../../base/errors.ts'
import { codeOf } from '../../base/errors.ts'
import { AT_FDCWD } from '../../posix/constants.ts'
import { readLinkAt } from '../../posix/names.ts'
import { statAt } from '../../posix/stat.ts'
import { TreeWalker } from '../../source/walk.ts'
import type { SourceProblem } from '../../source/problems.ts'
import type { WalkedDirectory } from '../../source/walked-directory.ts'
import type { WalkedEntry, WalkSource } from '../../source/walk-options.ts'
import { readFdAttributes, readNameAttributes } from './entry-attributes.ts'
import type { BackupReport } from './report.ts'
import type { OtherExtras, Scan } from './scan.ts'
import type { BackupSource } from './source.ts'

/** The walk lets other work of its thread run after this many milliseconds. */
const STRETCH_MS = 4

export interface FileSystemSourceOptions {
  readonly sources: readonly WalkSource[]
  /** The repository's own folder, which is not backed up into itself. */
  readonly avoid?: readonly { readonly dev: bigint; readonly ino: bigint }[]
  readonly unchanged: BackupSource['unchanged']
}

export function fileSystemSource(opts: FileSystemSourceOptions): BackupSource {
  return {
    paths: opts.sources.map(({ path }) => path),
    walk: (scan, report, check) => walk(opts, scan, report, check),
    unchanged: opts.unchanged,
    restat: (path) => statAt(AT_FDCWD, path),
  }
}

async function walk(opts: FileSystemSourceOptions, scan: Scan, report: BackupReport, check: () => void): Promise<void> {
  const walker = new TreeWalker({
    sources: opts.sources,
    report: (problem) => reportProblem(problem, report),
    ...(opts.avoid !== undefined && { avoid: opts.avoid }),
    excluded: (directory, name) => report.excluded(directory, name),
  })
  try {
    let stretchEnd = performance.now() + STRETCH_MS
    for (let step = walker.next(); step !== null; step = walker.next()) {
      if (step.kind === 'enter') await enter(scan, step.directory)
      else if (step.kind === 'entries') await takeEntries(scan, step.directory, step.entries)
      else if (step.kind === 'leave' && step.directory.depth > 0) scan.leave(step.complete)
      if (performance.now() < stretchEnd) continue
      check()
      await setImmediate()
      stretchEnd = performance.now() + STRETCH_MS
    }
  } finally {
    walker.close()
  }
}

async function enter(scan: Scan, directory: WalkedDirectory): Promise<void> {
  if (directory.depth === 0) return
  await scan.enter(directory.name, directory.path(), directory.stat!, () =>
    directory.isOpen ? fromFd(directory.fd) : fromName(directory.parent!, directory.name),
  )
}

async function takeEntries(scan: Scan, directory: WalkedDirectory, entries: readonly WalkedEntry[]): Promise<void> {
  for (const { name, key, stat, directory: below } of entries) {
    if (below !== undefined || stat.kind === 'directory') continue
    const path = directory.path(name)
    // Awaited only where there is something to wait for: most files of most backups have not changed.
    const wait =
      stat.kind === 'file'
        ? scan.file(name, key, path, stat)
        : scan.other(name, path, stat, () => otherExtras(directory, name, stat.kind === 'symlink'))
    if (wait !== undefined) await wait
  }
}

function otherExtras(directory: WalkedDirectory, name: Uint8Array, isSymlink: boolean): OtherExtras {
  const attributes = fromName(directory, name)
  return isSymlink ? { ...attributes, target: readLinkAt(directory.fd, name) } : attributes
}

function fromFd(fd: number): OtherExtras {
  return withTrouble(readFdAttributes(fd))
}

function fromName(directory: WalkedDirectory, name: Uint8Array): OtherExtras {
  return withTrouble(readNameAttributes(directory.fd, name))
}

const TROUBLE_ATTRIBUTES = 3

function withTrouble({ failed, ...attributes }: ReturnType<typeof readFdAttributes>): OtherExtras {
  return failed ? { ...attributes, trouble: [TROUBLE_ATTRIBUTES] } : attributes
}

function reportProblem({ path, code, errno, text }: SourceProblem, report: BackupReport): void {
  const kind: ErrorCode = errno === undefined ? 'io' : codeOf({ code: errno })
  if (code === 0) report.warning(path, kind, text)
  else report.trouble(path, code, kind, text)
}
