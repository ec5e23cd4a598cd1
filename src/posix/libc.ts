// The C library: Linux on x64 and arm64, through koffi, synchronously. Everything else in this folder asks `libc()` and
// falls back to node:fs when that is null.
//
// A wrong signature corrupts memory, so the table below is all there is, and it must follow these rules:
// - Paths and buffers are `void *` and handed over as typed arrays: raw bytes in, raw bytes out, nothing allocated.
// - No `.async()` calls (they corrupt the heap when a worker ends), no callbacks from C.
// - A worker loads this (`loadPosix()`) before it says that it is ready; terminating a thread while koffi loads aborts
//   the process.
import { lstatSync } from 'node:fs'
import { loadKoffi } from './koffi.ts'
import type { KoffiLibrary, KoffiModule } from './koffi.ts'

/** What is missing on this system and why; `full` when everything this folder offers works. */
export interface PosixSupport {
  readonly full: boolean
  readonly missing: readonly string[]
}

/** Loads the native library now rather than at first use. Takes 20 to 50 ms. Never throws. */
export function loadPosix(): PosixSupport {
  libc()
  return posixSupport()
}

/** Why something is degraded, for a warning to the operator. */
export function posixSupport(): PosixSupport {
  libc()
  return missing.length === 0 ? FULL : { full: false, missing }
}

/** The native functions, or null where they cannot be had. Loaded once per thread, at first use. */
export function libc(): Libc | null {
  if (loaded === undefined) {
    const result = load()
    loaded = result.libc
    missing = result.missing
  }
  return loaded
}

/**
 * For tests: behaves from now on as if the native library could not be loaded (a reason), or as it really is (null).
 * Returns nothing; file descriptors opened before the switch may not be used after it.
 */
export function pretendNoLibc(reason: string | null): void {
  loaded = reason === null ? undefined : null
  missing = reason === null ? [] : describeMissing(reason)
}

/** One number per file descriptor, path bytes end with a zero byte, -1 means failure with the cause in `errno`. */
export interface Libc {
  errno(): number
  openat(dirFd: number, path: Uint8Array, flags: number, mode: number): number
  close(fd: number): number
  statx(dirFd: number, path: Uint8Array, flags: number, mask: number, into: Uint8Array): number
  getdents64(fd: number, into: Uint8Array, size: number): number
  lseek(fd: number, offset: number, whence: number): number | bigint
  readlinkat(dirFd: number, path: Uint8Array, into: Uint8Array, size: number): number
  mkdirat(dirFd: number, path: Uint8Array, mode: number): number
  unlinkat(dirFd: number, path: Uint8Array, flags: number): number
  symlinkat(target: Uint8Array, dirFd: number, path: Uint8Array): number
  linkat(fromFd: number, from: Uint8Array, toFd: number, to: Uint8Array, flags: number): number
  mknodat(dirFd: number, path: Uint8Array, mode: number, device: bigint): number
  renameat2(fromFd: number, from: Uint8Array, toFd: number, to: Uint8Array, flags: number): number
  utimensat(dirFd: number, path: Uint8Array, times: Uint8Array, flags: number): number
  futimens(fd: number, times: Uint8Array): number
  fchownat(dirFd: number, path: Uint8Array, uid: number, gid: number, flags: number): number
  fchown(fd: number, uid: number, gid: number): number
  fchmodat(dirFd: number, path: Uint8Array, mode: number, flags: number): number
  fchmod(fd: number, mode: number): number
  llistxattr(path: Uint8Array, into: Uint8Array, size: number): number
  listxattr(path: Uint8Array, into: Uint8Array, size: number): number
  flistxattr(fd: number, into: Uint8Array, size: number): number
  lgetxattr(path: Uint8Array, name: Uint8Array, into: Uint8Array, size: number): number
  getxattr(path: Uint8Array, name: Uint8Array, into: Uint8Array, size: number): number
  fgetxattr(fd: number, name: Uint8Array, into: Uint8Array, size: number): number
  lsetxattr(path: Uint8Array, name: Uint8Array, value: Uint8Array, size: number, flags: number): number
  setxattr(path: Uint8Array, name: Uint8Array, value: Uint8Array, size: number, flags: number): number
  fsetxattr(fd: number, name: Uint8Array, value: Uint8Array, size: number, flags: number): number
  lremovexattr(path: Uint8Array, name: Uint8Array): number
  removexattr(path: Uint8Array, name: Uint8Array): number
  fremovexattr(fd: number, name: Uint8Array): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  fallocate(fd: number, mode: number, offset: number, length: number): number
  flock(fd: number, operation: number): number
  umask(mask: number): number
  getpwuid_r(uid: number, into: Uint8Array, text: Uint8Array, size: number, result: Uint8Array): number
  getgrgid_r(gid: number, into: Uint8Array, text: Uint8Array, size: number, result: Uint8Array): number
  getpwnam_r(name: Uint8Array, into: Uint8Array, text: Uint8Array, size: number, result: Uint8Array): number
  getgrnam_r(name: Uint8Array, into: Uint8Array, text: Uint8Array, size: number, result: Uint8Array): number
  /** Of glibc alone; undefined where the C library is another. */
  readonly mallopt: ((parameter: number, value: number) => number) | undefined
  readonly malloc_trim: ((keep: number) => number) | undefined
  /** Where the memory of an array is; only to resolve pointers that a call left in one of our own buffers. */
  address(of: Uint8Array): bigint
}

const P = 'void *'
// openat and ioctl are variadic in C; on both processors supported here variadic integers and pointers travel in the
// same registers as named ones, so they are declared plainly (about 100 ns cheaper a call).
const SIGNATURES: Readonly<
  Record<Exclude<keyof Libc, 'errno' | 'address' | 'mallopt' | 'malloc_trim'>, readonly [string, readonly string[]]>
> = {
  openat: ['int', ['int', P, 'int', 'uint']],
  close: ['int', ['int']],
  statx: ['int', ['int', P, 'int', 'uint', P]],
  getdents64: ['long', ['int', P, 'size_t']],
  lseek: ['int64_t', ['int', 'int64_t', 'int']],
  readlinkat: ['long', ['int', P, P, 'size_t']],
  mkdirat: ['int', ['int', P, 'uint']],
  unlinkat: ['int', ['int', P, 'int']],
  symlinkat: ['int', [P, 'int', P]],
  linkat: ['int', ['int', P, 'int', P, 'int']],
  mknodat: ['int', ['int', P, 'uint', 'uint64_t']],
  renameat2: ['int', ['int', P, 'int', P, 'uint']],
  utimensat: ['int', ['int', P, P, 'int']],
  futimens: ['int', ['int', P]],
  fchownat: ['int', ['int', P, 'uint', 'uint', 'int']],
  fchown: ['int', ['int', 'uint', 'uint']],
  fchmodat: ['int', ['int', P, 'uint', 'int']],
  fchmod: ['int', ['int', 'uint']],
  llistxattr: ['long', [P, P, 'size_t']],
  listxattr: ['long', [P, P, 'size_t']],
  flistxattr: ['long', ['int', P, 'size_t']],
  lgetxattr: ['long', [P, P, P, 'size_t']],
  getxattr: ['long', [P, P, P, 'size_t']],
  fgetxattr: ['long', ['int', P, P, 'size_t']],
  lsetxattr: ['int', [P, P, P, 'size_t', 'int']],
  setxattr: ['int', [P, P, P, 'size_t', 'int']],
  fsetxattr: ['int', ['int', P, P, 'size_t', 'int']],
  lremovexattr: ['int', [P, P]],
  removexattr: ['int', [P, P]],
  fremovexattr: ['int', ['int', P]],
  ioctl: ['int', ['int', 'ulong', P]],
  fallocate: ['int', ['int', 'int', 'int64_t', 'int64_t']],
  flock: ['int', ['int', 'int']],
  umask: ['uint', ['uint']],
  getpwuid_r: ['int', ['uint', P, P, 'size_t', P]],
  getgrgid_r: ['int', ['uint', P, P, 'size_t', P]],
  getpwnam_r: ['int', [P, P, P, 'size_t', P]],
  getgrnam_r: ['int', [P, P, P, 'size_t', P]],
}

/** Calls that some C libraries have no function for (older musl); made through `syscall()` there. */
const SYSCALL_NUMBERS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: { statx: 332, getdents64: 217, renameat2: 316 },
  arm64: { statx: 291, getdents64: 61, renameat2: 276 },
}

// The program's own symbols first: that is the C library Node runs on, whichever it is. The names are for programs
// that were linked so that this does not work.
const LIBRARY_NAMES = [null, 'libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

const FULL: PosixSupport = { full: true, missing: [] }
let loaded: Libc | null | undefined
let missing: readonly string[] = []

function load(): { libc: Libc | null; missing: readonly string[] } {
  if (process.platform !== 'linux') return { libc: null, missing: describeMissing(`on ${process.platform}`) }
  const numbers = SYSCALL_NUMBERS[process.arch]
  if (numbers === undefined) return { libc: null, missing: describeMissing(`on processor ${process.arch}`) }
  try {
    const bound = bind(numbers)
    checkBinding(bound)
    return { libc: bound, missing: [] }
  } catch (cause) {
    return { libc: null, missing: describeMissing(cause instanceof Error ? cause.message : String(cause)) }
  }
}

function describeMissing(reason: string): readonly string[] {
  return [
    'extended attributes and ACLs',
    'file flags',
    'device nodes, fifos and sockets (restore)',
    'holes in files',
    'file locks',
    'times of symlinks to the nanosecond',
    'paths longer than 4 KiB',
  ].map((what) => `${what}: no native calls (${reason})`)
}

function bind(numbers: Readonly<Record<string, number>>): Libc {
  const koffi = loadKoffi()
  const library = openLibrary(koffi)
  const table: Record<string, unknown> = { errno: koffi.errno, address: koffi.address }
  for (const [name, [result, args]] of Object.entries(SIGNATURES)) {
    table[name] = bindOne(library, name, result, args, numbers[name])
  }
  table['mallopt'] = bindIfThere(library, 'mallopt', 'int', ['int', 'int'])
  table['malloc_trim'] = bindIfThere(library, 'malloc_trim', 'int', ['size_t'])
  return table as unknown as Libc
}

function bindIfThere(library: KoffiLibrary, name: string, result: string, args: readonly string[]) {
  try {
    return library.func(name, result, args)
  } catch {
    return undefined
  }
}

function openLibrary(koffi: KoffiModule): KoffiLibrary {
  const failures: string[] = []
  for (const name of LIBRARY_NAMES) {
    try {
      const library = koffi.load(name)
      library.func('openat', 'int', SIGNATURES.openat[1])
      return library
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause))
    }
  }
  throw new Error(`no C library found: ${failures.join('; ')}`)
}

function bindOne(library: KoffiLibrary, name: string, result: string, args: readonly string[], number?: number) {
  try {
    return library.func(name, result, args)
  } catch (cause) {
    if (number === undefined) throw cause
    const call = library.func('syscall', 'long', ['long', ...args])
    return (...values: unknown[]) => call(number, ...values)
  }
}

/** Compares one call with what Node says, before anything depends on it: sandboxes may refuse statx, ABIs may differ. */
function checkBinding(bound: Libc): void {
  const into = new Uint8Array(256)
  if (bound.statx(-100, Uint8Array.of(0x2f, 0), 0x100, 0x7ff, into) !== 0) throw new Error('statx is not permitted')
  if (new DataView(into.buffer).getBigUint64(32, true) !== lstatSync('/', { bigint: true }).ino) {
    throw new Error('statx gives other values than Node')
  }
}
