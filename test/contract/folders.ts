// Folders and file systems for tests of the local store.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface MountedFolder {
  readonly path: string
  remountReadOnly(): void
}

/**
 * A small ext4 file system, mounted; null (and the test is skipped with the reason) where that is not possible. In CI
 * that is a failure: a test that never runs there protects nothing.
 */
export function mountedExt4(t: TestContext, bytes: number): MountedFolder | null {
  let mounted = false
  // First, because hooks run in the order in which they were set up.
  t.after(() => mounted && execFileSync('umount', ['-l', path], { stdio: 'pipe' }))
  const folder = temporaryFolder(t)
  const image = join(folder, 'image')
  const path = join(folder, 'mounted')
  mkdirSync(path)
  writeFileSync(image, '')
  truncateSync(image, bytes)
  try {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('needs root on Linux')
    execFileSync('mkfs.ext4', ['-q', '-m', '0', image], { stdio: 'pipe' })
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'pipe' })
  } catch (cause) {
    const reason = `no ext4 on a loop device: ${cause instanceof Error ? cause.message.trim() : String(cause)}`
    if (process.env['CI']) throw new Error(reason, { cause })
    t.skip(reason)
    return null
  }
  mounted = true
  return { path, remountReadOnly: () => execFileSync('mount', ['-o', 'remount,ro', path], { stdio: 'pipe' }) }
}
