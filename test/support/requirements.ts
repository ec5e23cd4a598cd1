// What a test needs from the machine. Where it is missing the test is skipped and the reason printed; in CI it fails
// instead, so that nothing goes untested unnoticed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

export type LoopFs = 'ext4' | 'btrfs' | 'xfs'

const inCi = !['', '0', 'false'].includes(process.env['CI'] ?? '')

/** Notes that this test cannot run here: skips it, fails in CI. Return from the test when it gives false. */
export function missing(t: TestContext, what: string): false {
  if (inCi) throw new Error(`CI must provide: ${what}`)
  t.skip(`needs ${what}`)
  return false
}

export function requireRoot(t: TestContext): boolean {
  return process.getuid?.() === 0 || missing(t, 'root')
}

export function requireLinux(t: TestContext): boolean {
  return process.platform === 'linux' || missing(t, 'Linux')
}

/** True when the program is on PATH or in the folders for system programs, which are not on every user's PATH. */
export function requireCommand(t: TestContext, name: string): boolean {
  return commandPath(name) !== undefined || missing(t, `the program ${name}`)
}

export function commandPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * Runs `fn` with the mount point of a new file system in an image file of `sizeMiB` (sparse; xfs needs 300, btrfs 110 at
 * least). Always unmounts and removes the image. Skips (fails in CI) without root, mkfs or loop devices.
 */
export async function withLoopFs(
  t: TestContext,
  kind: LoopFs,
  sizeMiB: number,
  fn: (mountPoint: string) => Promise<void> | void,
): Promise<void> {
  if (!requireLinux(t) || !requireRoot(t) || !requireCommand(t, `mkfs.${kind}`) || !requireCommand(t, 'mount')) return
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${kind}-`))
  const image = join(folder, 'image')
  const mountPoint = join(folder, 'mnt')
  mkdirSync(mountPoint)
  let mounted = false
  try {
    run('truncate', '-s', `${sizeMiB}M`, image)
    run(`mkfs.${kind}`, ...mkfsOptions(kind, sizeMiB), image)
    const failure = tryRun('mount', '-o', `loop,${MOUNT_OPTIONS[kind]}`, image, mountPoint)
    if (failure !== undefined) {
      missing(t, `a loop device with ${kind} (${failure})`)
      return
    }
    mounted = true
    unmountAlsoWhenStopped(mountPoint)
    await fn(mountPoint)
  } finally {
    if (mounted) unmount(mountPoint)
    rmSync(folder, { recursive: true, force: true })
  }
}

const INODES_PER_MIB = 200 // ext4 cannot add any later; tests have many small files

function mkfsOptions(kind: LoopFs, sizeMiB: number): string[] {
  if (kind !== 'ext4') return ['-q', '-f']
  // Small images would get other blocks and inodes than large ones. Values of xattrs beyond a block need ea_inode.
  return ['-q', '-F', '-b', '4096', '-I', '256', '-O', 'ea_inode', '-N', String(sizeMiB * INODES_PER_MIB)]
}

const MOUNT_OPTIONS: Record<LoopFs, string> = { ext4: 'acl,user_xattr', btrfs: 'acl', xfs: 'noatime' }

/** Mount points of this process; a stopped run would leave them for ever. */
const mountPoints = new Set<string>()

let listening = false

function unmountAlsoWhenStopped(mountPoint: string): void {
  if (!listening) {
    listening = true
    for (const [signal, number] of [
      ['SIGTERM', 15],
      ['SIGINT', 2],
      ['SIGHUP', 1],
    ] as const) {
      process.once(signal, () => process.exit(128 + number))
    }
    process.once('exit', () => {
      for (const left of mountPoints) tryRun('umount', '-l', left)
    })
  }
  mountPoints.add(mountPoint)
}

const UNMOUNT_ATTEMPTS = 20 // a process that was just killed may still be going away

function unmount(mountPoint: string): void {
  mountPoints.delete(mountPoint)
  for (let attempt = 0; attempt < UNMOUNT_ATTEMPTS; attempt++) {
    if (tryRun('umount', mountPoint) === undefined) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
  run('umount', '-l', mountPoint)
  throw new Error(`${mountPoint} was still in use at the end of its test`)
}

function run(name: string, ...args: string[]): void {
  const failure = tryRun(name, ...args)
  if (failure !== undefined) throw new Error(failure)
}

/** Undefined when it went well, else what the program said. */
function tryRun(name: string, ...args: string[]): string | undefined {
  const result = spawnSync(commandPath(name) ?? name, args, { encoding: 'utf8' })
  if (result.status === 0) return undefined
  return `${name}: ${result.error?.message ?? result.stderr.trim()}`
}
