// A source whose files do what a test tells them to: change while they are read, fail, claim sizes they do not have.
// What is not told is as it is with ordinary files.
import type { FileReader, OpenFile } from '../../src/ops/backup/file-reader.ts'
import type { Found } from '../../src/ops/backup/pending-file.ts'
import type { Scan } from '../../src/ops/backup/scan.ts'
import type { OtherExtras } from '../../src/source/attributes.ts'
import type { BackupSource } from '../../src/ops/backup/source.ts'
import type { FileStat } from '../../src/posix/stat.ts'
import type { FileAttributes, RawXattr } from '../../src/source/attributes.ts'
import { compareWithParent, type ChangeOptions } from '../../src/source/change-detection.ts'

/** Long before any backup of a test, so that times prove that nothing has changed. */
const LONG_AGO = { sec: 1_600_000_000, nsec: 5 }

export interface ScriptedFile {
  readonly content: Uint8Array
  readonly stat?: Partial<FileStat>
  readonly xattrs?: readonly RawXattr[]
  /** Takes the place of single calls on the open file. */
  readonly open?: (file: OpenFile) => Partial<OpenFile>
}

/** A folder; an array is a file of these bytes, a text a symlink to it. */
export interface ScriptedFolder {
  readonly [name: string]: ScriptedFolder | ScriptedFile | Uint8Array | string
}

export function fileStat(stat: Partial<FileStat> = {}): FileStat {
  return {
    kind: 'file',
    mode: 0o644,
    uid: 3_000_000_001,
    gid: 3_000_000_001,
    size: 0,
    mtime: LONG_AGO,
    ctime: LONG_AGO,
    btime: undefined,
    ino: 1n,
    dev: 1n,
    nlink: 1,
    rdev: { major: 0, minor: 0 },
    blocks512: Math.ceil((stat.size ?? 0) / 512),
    attributes: 0n,
    mountId: 0,
    ...stat,
  }
}

export class ScriptedSource implements BackupSource, FileReader {
  readonly paths: readonly Uint8Array[] = [Buffer.from('/source')]
  readonly #tree: ScriptedFolder
  readonly #changes: ChangeOptions
  readonly #files = new Map<string, { readonly file: ScriptedFile; readonly stat: FileStat }>()
  /** Looks at files again. */
  readonly restat: (path: Uint8Array) => FileStat
  /** Paths that were opened, in order. */
  readonly opened: string[] = []

  constructor(
    tree: ScriptedFolder,
    opts: { readonly changes?: ChangeOptions; readonly restat?: (path: string) => FileStat } = {},
  ) {
    this.#tree = tree
    this.#changes = opts.changes ?? {}
    this.restat = (path) => opts.restat?.(text(path)) ?? this.#find(path).stat
  }

  async walk(scan: Scan, _report: unknown, check: () => void): Promise<void> {
    await this.#enter(scan, '/source', '/source', this.#tree, check)
  }

  compare: BackupSource['compare'] = (entry, { stat }, since) => compareWithParent(entry, stat, since, this.#changes)

  open(path: Uint8Array): OpenFile {
    this.opened.push(text(path))
    const { file, stat } = this.#find(path)
    const usual: OpenFile = {
      opened: stat,
      read: (arena, offset, length, position) => {
        const part = file.content.subarray(position, position + length)
        arena.set(part, offset)
        return part.length
      },
      stat: () => stat,
      data: (position, size) => ({ start: position, end: size }),
      attributes: (): FileAttributes => ({ failed: false, ...(file.xattrs !== undefined && { xattrs: file.xattrs }) }),
      close: () => {},
    }
    return { ...usual, ...file.open?.(usual) }
  }

  /** Makes a file known under a path, for walks that are a test's own. */
  plant(path: string, file: ScriptedFile): FileStat {
    const stat = fileStat({ size: file.content.length, ino: inoOf(path), ...file.stat })
    this.#files.set(path, { file, stat })
    return stat
  }

  #find(path: Uint8Array): { readonly file: ScriptedFile; readonly stat: FileStat } {
    const found = this.#files.get(text(path))
    if (found === undefined) throw Object.assign(new Error('ENOENT: gone, open'), { code: 'ENOENT', syscall: 'open' })
    return found
  }

  async #enter(scan: Scan, key: string, path: string, folder: ScriptedFolder, check: () => void): Promise<void> {
    check()
    const stat = fileStat({ kind: 'directory', mode: 0o755, ino: inoOf(path) })
    await scan.enter(foundAt(path, stat, key), noExtras)
    for (const child of Object.keys(folder).sort()) {
      const what = folder[child]!
      const below = `${path}/${child}`
      if (typeof what === 'string') {
        const link = fileStat({ kind: 'symlink', mode: 0o777, ino: inoOf(below) })
        await scan.other(foundAt(below, link), () => ({ target: Buffer.from(what) }))
      } else if (what instanceof Uint8Array || what.content instanceof Uint8Array) {
        const file = (what instanceof Uint8Array ? { content: what } : what) as ScriptedFile
        const extras = (): OtherExtras => (file.xattrs === undefined ? {} : { xattrs: file.xattrs })
        await scan.file(foundAt(below, this.plant(below, file)), extras)
      } else {
        await this.#enter(scan, child, below, what as ScriptedFolder, check)
      }
    }
    scan.leave(true)
  }
}

const noExtras = (): OtherExtras => ({})

/** What a walk tells of an entry; its name is the last of the path unless given. */
export function foundAt(path: string, stat: FileStat, name: string = path.slice(path.lastIndexOf('/') + 1)): Found {
  return { name: Buffer.from(name), key: Buffer.from(name).toString('latin1'), path: Buffer.from(path), stat }
}

/** Any number that stays the same for a path. */
function inoOf(path: string): bigint {
  let ino = 7n
  for (const byte of Buffer.from(path)) ino = (ino * 31n + BigInt(byte)) % 0xffff_ffff_ffffn
  return ino
}

function text(path: Uint8Array): string {
  return Buffer.from(path).toString('utf8')
}
