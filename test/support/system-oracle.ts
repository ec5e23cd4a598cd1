// What a tree is, told by find, getfattr, getfacl, getcap, lsattr, stat, xfs_io and the bytes themselves: an oracle that
// shares nothing with the code under test. Paths may be of any length.
import { createHash } from 'node:crypto'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { eachName, system } from './system.ts'

/** Attribute: value, both as text to compare and to show. */
export type Description = Record<string, string>

/** By path below the root, one character a byte; the root itself is `.`. */
export type TreeDescription = Map<string, Description>

/** One line for each difference, `ignore` naming attributes that are not compared. */
export function differences(before: TreeDescription, after: TreeDescription, ignore: readonly string[] = []): string[] {
  const lines: string[] = []
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(path), after.get(path)]
    if (a === undefined || b === undefined) {
      lines.push(`${shown(path)}: ${a === undefined ? 'was not there' : 'is missing'}`)
      continue
    }
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (a[name] !== b[name] && !ignore.includes(name))
        lines.push(`${shown(path)}: ${name}: ${shown(a[name])} -> ${shown(b[name])}`)
    }
  }
  return lines
}

const FIND_FORMAT = '%P\\0%y\\0%m\\0%U:%G\\0%s\\0%T@\\0%l\\0%i\\0%b\\0'
const FIND_FIELDS = 9

export function describeTree(root: string): TreeDescription {
  const tree: TreeDescription = new Map()
  const inodes = new Map<string, string[]>()
  const reach = new Reach(root)
  const listing = system(root, 'find', '.', '-printf', FIND_FORMAT).split('\0')
  const sparse: string[] = []
  for (let at = 0; at + FIND_FIELDS <= listing.length; at += FIND_FIELDS) {
    const field = (n: number): string => listing[at + n]!
    const [path, kind] = [field(0) || '.', field(1)]
    const description: Description = { kind, mode: field(2), owner: field(3), mtime: field(5) }
    tree.set(path, description)
    if (kind !== 'd') inodes.set(field(7), [...(inodes.get(field(7)) ?? []), path])
    if (kind === 'l') description['target'] = field(6)
    if (kind === 'f') {
      description['size'] = field(4)
      if (Number(field(8)) * 512 < Number(field(4))) sparse.push(path)
    }
  }
  for (const paths of inodes.values()) {
    const names = paths.sort().join(' | ')
    if (paths.length > 1) for (const path of paths) tree.get(path)!['names'] = names
  }

  const ofKind = (...kinds: string[]): string[] =>
    [...tree].filter(([, d]) => kinds.includes(d['kind']!)).map(([path]) => path)
  for (const path of ofKind('b', 'c')) tree.get(path)!['device'] = reach.run([path], 'stat', '-c', '%t:%T').trim()
  for (const path of sparse) tree.get(path)!['holes'] = holesOf(reach, path, Number(tree.get(path)!['size']))
  for (const path of ofKind('f')) tree.get(path)!['content'] = contentHash(reach, path, tree.get(path)!['holes'])
  for (const [path, xattrs] of reach.blocks(
    [...tree.keys()],
    'getfattr',
    '-h',
    '-d',
    '-m',
    '-',
    '-e',
    'hex',
    '--absolute-names',
  )) {
    tree.get(path)!['xattrs'] = xattrs
    if (xattrs.includes('security.capability='))
      tree.get(path)!['capabilities'] = reach.run([path], 'getcap').split(' ').at(-1)!
  }
  const mayHaveAcl = ofKind('f', 'd', 'p', 's', 'b', 'c')
  for (const [path, acl] of reach.blocks(mayHaveAcl, 'getfacl', '-n', '-p', '-s', '-E')) tree.get(path)!['acl'] = acl
  for (const [path, flags] of reach.flags(ofKind('f', 'd'))) if (flags !== '') tree.get(path)!['flags'] = flags
  reach.close()
  return tree
}

/** Headings, and raw forms of ACLs, in which file systems fill unused fields differently: getfacl tells what they say. */
const NOT_COMPARED = /^(?:# (?:file|owner|group|flags):|system\.posix_acl_|trusted\.SGI_ACL_)/

/** Flags that describe how a file system stores a file, and cannot be set. */
const FLAGS_OF_STORAGE = /[eINVBhEZX-]/g

const PATH_MAX = 4000 // the system takes 4,096 with the `./` before and the zero byte after it

/** Ways to files whose paths are too long for one call: folders on the way are entered by descriptor. */
class Reach {
  readonly #root: string
  readonly #open: number[] = []
  readonly #folders = new Map<string, string>()

  constructor(root: string) {
    this.#root = root
  }

  /** A folder that programs can be started in, and the rest of the path. */
  split(path: string): [cwd: string, rest: string] {
    if (path.length <= PATH_MAX) return [this.#root, path]
    const cut = path.lastIndexOf('/', PATH_MAX)
    const prefix = path.slice(0, cut)
    let folder = this.#folders.get(prefix)
    if (folder === undefined) {
      const fd = openSync(Buffer.from(`${this.#root}/${prefix}`, 'latin1'), constants.O_DIRECTORY)
      this.#open.push(fd)
      this.#folders.set(prefix, (folder = `/proc/self/fd/${fd}`))
    }
    const rest = path.slice(cut + 1)
    if (rest.length > PATH_MAX) throw new Error(`a path of ${path.length} bytes is longer than this oracle handles`)
    return [folder, rest]
  }

  file(path: string): Buffer {
    const [cwd, rest] = this.split(path)
    return Buffer.from(`${cwd}/${rest}`, 'latin1')
  }

  /** Runs a program over the paths, which it has to print itself if it is to be told apart what belongs to which. */
  run(paths: readonly string[], program: string, ...args: string[]): string {
    return [...this.#groups(paths)].map(([cwd, rests]) => eachName(cwd, rests.map(raw), program, ...args)).join('')
  }

  /** `# file: NAME` and what follows it up to an empty line, as getfattr and getfacl print them, names escaped in octal. */
  *blocks(paths: readonly string[], program: string, ...args: string[]): Generator<[path: string, text: string]> {
    for (const [cwd, rests, whole] of this.#groups(paths)) {
      for (const block of eachName(cwd, rests.map(raw), program, ...args).split('\n\n')) {
        const lines = block.split('\n').filter((line) => line !== '')
        const name = lines.find((line) => line.startsWith('# file: '))
        const text = lines.filter((line) => !NOT_COMPARED.test(line))
        if (name === undefined || text.length === 0) continue
        const rest = name
          .slice('# file: '.length)
          .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
        yield [whole.get(rest.replace(/^\.\//, ''))!, text.sort().join('\n')]
      }
    }
  }

  /** lsattr prints a line for each name, in order; a name with line breaks needs a call of its own. */
  *flags(paths: readonly string[]): Generator<[path: string, flags: string]> {
    const broken = paths.filter((path) => /[\n\r]/.test(path))
    const groups = [
      ...this.#groups(paths.filter((path) => !/[\n\r]/.test(path))),
      ...broken.flatMap((path) => [...this.#groups([path])]),
    ]
    for (const [cwd, rests, whole] of groups) {
      const lines = eachName(cwd, rests.map(raw), 'lsattr', '-d').split('\n')
      for (const [n, rest] of rests.entries())
        yield [whole.get(rest)!, lines[n]!.split(' ', 1)[0]!.replace(FLAGS_OF_STORAGE, '')]
    }
  }

  close(): void {
    for (const fd of this.#open) closeSync(fd)
  }

  *#groups(paths: readonly string[]): Generator<[cwd: string, rests: string[], whole: Map<string, string>]> {
    for (const [cwd, group] of Map.groupBy(paths, (path) => this.split(path)[0])) {
      const whole = new Map(group.map((path) => [this.split(path)[1], path]))
      yield [cwd, [...whole.keys()], whole]
    }
  }
}

const BUFFER = new Uint8Array(1024 * 1024)

/** Of the ranges that hold data; holes are compared by themselves, and some are gigabytes. */
function contentHash(reach: Reach, path: string, holes: string | undefined): string {
  const hash = createHash('sha256')
  const marks = holes === undefined ? [] : holes.split(', ').map((mark) => mark.split(' '))
  const ranges =
    holes === undefined
      ? [[0, Infinity]]
      : marks.flatMap(([kind, at], n) => (kind === 'DATA' ? [[Number(at), Number(marks[n + 1]?.[1] ?? Infinity)]] : []))
  const fd = openSync(reach.file(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME)
  try {
    for (const [begin, end] of ranges) {
      for (let at = begin!; at < end!;) {
        const n = readSync(fd, BUFFER, 0, Math.min(BUFFER.length, end! - at), at)
        if (n === 0) break
        hash.update(BUFFER.subarray(0, n))
        at += n
      }
    }
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}

/**
 * Where allocated space and holes begin. Space that is reserved and not written counts as allocated: it is what a run of
 * zeros may come back as.
 */
function holesOf(reach: Reach, path: string, size: number): string {
  const ranges = [...reach.run([path], 'xfs_io', '-r', '-c', 'fiemap').matchAll(/^\s*\d+: \[(\d+)\.\.\d+\]: (hole)?/gm)]
  if (ranges.length === 0) return 'HOLE 0'
  const marks: string[] = []
  let last = ''
  for (const [, sector, hole] of ranges) {
    const kind = hole === undefined ? 'DATA' : 'HOLE'
    const at = Number(sector) * 512
    if (kind !== last && at < size) marks.push(`${kind} ${at}`)
    last = kind
  }
  return marks.join(', ')
}

function raw(name: string): Uint8Array {
  return Buffer.from(name, 'latin1')
}

const SHOWN_MAX = 300

function shown(value: string | undefined): string {
  if (value === undefined) return 'nothing'
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}… (${value.length})` : value)
}
