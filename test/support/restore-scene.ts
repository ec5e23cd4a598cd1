// A folder that is backed up, and where it is restored to.
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { backedUp } from './restoring.ts'
import type { Backed } from './restoring.ts'
import { tempFolder } from './temp-folder.ts'

export interface Scene extends Backed {
  readonly source: string
  /** Not there yet. */
  readonly target: string
}

/** A folder is backed up as `fill` leaves it. */
export async function scene(t: TestContext, fill: (source: string) => void): Promise<Scene> {
  const folder = tempFolder(t, 'restore')
  const source = join(folder, 'source')
  mkdirSync(source)
  fill(source)
  return { ...(await backedUp(source)), source, target: join(folder, 'target') }
}

/** Three files, one of them with two names, a symlink and two folders. */
export function small(source: string): void {
  mkdirSync(join(source, 'sub', 'deep'), { recursive: true })
  writeFileSync(join(source, 'a.txt'), 'a')
  writeFileSync(join(source, 'sub', 'b.txt'), 'b'.repeat(5000))
  writeFileSync(join(source, 'sub', 'deep', 'c.txt'), '')
  symlinkSync('b.txt', join(source, 'sub', 'link'))
  linkSync(join(source, 'a.txt'), join(source, 'sub', 'hard'))
}
