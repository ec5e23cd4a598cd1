// A folder of its own for a test, removed afterwards whatever was put there (paths beyond 4 KiB, unreadable folders).
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export function tempFolder(t: TestContext, label = 'test'): string {
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${label}-`))
  t.after(() => {
    // `rm` walks by directory handles; node:fs gives up on long paths.
    spawnSync('chmod', ['-R', 'u+rwX', folder])
    const removed = spawnSync('rm', ['-rf', folder], { encoding: 'utf8' })
    if (removed.status !== 0) throw new Error(`cannot remove ${folder}: ${removed.stderr}`)
  })
  return folder
}
