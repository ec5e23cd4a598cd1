// A tree with everything a file system can hold goes through the real program and comes back attribute by attribute.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Program } from '../support/program.ts'
import type { LoopFs } from '../support/requirements.ts'
import { requireCommand, withLoopFs } from '../support/requirements.ts'
import { describeTree, differences } from '../support/system-oracle.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { buildTortureTree } from '../support/torture-tree.ts'

const TOOLS = ['getfattr', 'getfacl', 'getcap', 'lsattr', 'xfs_io', 'mknod']
const ENTRIES = 100_000
const SIZE_MIB = 1600 // two copies of the tree, of which 100,000 small files are the most
const SHOWN_MAX = 40

for (const kind of ['ext4', 'btrfs', 'xfs'] satisfies LoopFs[]) {
  test(`everything that ${kind} holds comes back`, async (t) => {
    if (!TOOLS.every((tool) => requireCommand(t, tool))) return
    await withLoopFs(t, kind, SIZE_MIB, async (mountPoint) => {
      const source = join(mountPoint, 'source')
      const target = join(mountPoint, 'target')
      mkdirSync(source)
      for (const refused of await buildTortureTree(source, { manyEntries: ENTRIES }))
        t.diagnostic(`${kind} does not take ${refused}`)
      const program = new Program(tempFolder(t, 'torture'))
      const original = describeTree(source)

      program.expect(0, 'backup', source)
      assertSame(original, describeTree(source), 'the source after its backup')
      program.expect(0, 'restore', 'latest', '--target', target)
      const restored = join(target, source)
      assertSame(original, describeTree(restored), 'the restored tree')
      program.expect(0, 'check', '--read-data')

      const inodes = inodesOf(restored)
      program.expect(0, 'restore', 'latest', '--target', target)
      assertSame(original, describeTree(restored), 'the tree after it was restored twice')
      assert.equal(inodesOf(restored), inodes, 'what was there and equal was not written again')
    })
  })
}

function assertSame(before: ReturnType<typeof describeTree>, after: typeof before, what: string): void {
  const lines = differences(before, after)
  const more = lines.length > SHOWN_MAX ? `\n… and ${lines.length - SHOWN_MAX} more` : ''
  assert.ok(lines.length === 0, `${what} differs:\n${lines.slice(0, SHOWN_MAX).join('\n')}${more}`)
}

/** Inode and time of the last change of everything but folders. */
function inodesOf(root: string): string {
  return system(root, 'find', '.', '!', '-type', 'd', '-printf', '%P %i %C@\\0').split('\0').sort().join('\n')
}
