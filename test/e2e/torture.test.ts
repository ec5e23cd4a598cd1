// A tree with everything a file system can hold goes through the real program and comes back attribute by attribute.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { RACY_MARGIN_SECONDS } from '../../src/source/change-detection.ts'
import { Program } from '../support/program.ts'
import type { LoopFs } from '../support/requirements.ts'
import { requireCommand, withLoopFs } from '../support/requirements.ts'
import type { TreeDescription } from '../support/system-oracle.ts'
import { describeTree, differences } from '../support/system-oracle.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { buildTortureTree } from '../support/torture-tree.ts'

const TOOLS = ['getfattr', 'getfacl', 'getcap', 'lsattr', 'xfs_io', 'mknod']
/** In one folder: such a crowd once, since it is the program that it is hard for; elsewhere enough for several tree nodes. */
const ENTRIES = { ext4: 100_000, btrfs: 10_000, xfs: 10_000 }
const SIZE_MIB = 1600 // two copies of the tree, of which 100,000 small files are the most
const CROSSING_SIZE_MIB = 500
const SHOWN_MAX = 40

for (const kind of ['ext4', 'btrfs', 'xfs'] satisfies LoopFs[]) {
  test(`everything that ${kind} holds comes back`, async (t) => {
    if (!TOOLS.every((tool) => requireCommand(t, tool))) return
    await withLoopFs(t, kind, SIZE_MIB, async (mountPoint) => {
      const source = join(mountPoint, 'source')
      const target = join(mountPoint, 'target')
      mkdirSync(source)
      for (const refused of await buildTortureTree(source, { manyEntries: ENTRIES[kind] }))
        t.diagnostic(`${kind} does not take ${refused}`)
      const program = new Program(tempFolder(t, 'torture'))
      const original = describeTree(source)
      // What changed a moment before a backup is read again by the next one, since its times prove nothing.
      await setTimeout((RACY_MARGIN_SECONDS + 0.1) * 1000)

      program.expect(0, 'init')
      const untouched = changeTimes(source)
      program.expect(0, 'backup', source)
      assertSame(untouched, changeTimes(source), 'the source after its backup')
      program.expect(0, 'restore', 'latest', '--target', target)
      const restored = join(target, source)
      assertSame(original, describeTree(restored), 'the restored tree')

      const first = changeTimes(restored)
      program.expect(0, 'restore', 'latest', '--target', target)
      assertSame(first, changeTimes(restored), 'what is there and equal')

      const again = summaryOf(program.expect(0, 'backup', source, '--json'))
      assert.deepEqual([again['new_files'], again['changed_files']], [0, 0], 'what did not change is not read again')

      for (const command of CHANGES) system(source, 'sh', '-c', command)
      const changed = describeTree(source)
      assert.ok(differences(original, changed).length >= CHANGES.length)
      program.expect(0, 'backup', source)
      program.expect(0, 'restore', 'latest', '--target', target, '--delete')
      assertSame(changed, describeTree(restored), 'the changed tree, restored over the old one')
      program.expect(0, 'check', '--read-data')
    })
  })
}

interface Crossing {
  readonly from: LoopFs
  readonly to: LoopFs
  /** All differences that there may be. */
  readonly lost: RegExp
  readonly warnings: readonly RegExp[]
  readonly status: number
}

const CROSSINGS: readonly Crossing[] = [
  {
    from: 'ext4',
    to: 'xfs',
    lost: /^(?:"flags\/.*": flags: "\w" -> nothing|"symlinks\/long": is missing)$/,
    warnings: [/warning: flags could not be restored for \d+ items/, /error: ENAMETOOLONG.*symlinks\/long/],
    status: 3,
  },
  {
    from: 'xfs',
    to: 'btrfs',
    lost: /^(?:"flags\/.*": flags: "[Px]" -> nothing|"xattrs\/size-65536": xattrs: .*)$/,
    warnings: [
      /warning: flags could not be restored for \d+ items/,
      /warning: xattrs could not be restored for 1 item/,
    ],
    status: 0,
  },
  {
    from: 'btrfs',
    to: 'ext4',
    lost: /^(?:"flags\/.*": flags: "[Cm]" -> nothing|"flags\/.*": xattrs: "btrfs\.compression=.*" -> nothing)$/,
    warnings: [
      /warning: flags could not be restored for \d+ items/,
      /warning: xattrs could not be restored for \d+ items/,
    ],
    status: 0,
  },
]

for (const { from, to, lost, warnings, status } of CROSSINGS) {
  test(`of a tree from ${from}, what ${to} cannot hold is named and everything else comes back`, async (t) => {
    if (!TOOLS.every((tool) => requireCommand(t, tool))) return
    await withLoopFs(t, from, CROSSING_SIZE_MIB, async (there) => {
      await withLoopFs(t, to, CROSSING_SIZE_MIB, async (here) => {
        const source = join(there, 'source')
        mkdirSync(source)
        await buildTortureTree(source, { manyEntries: 0 })
        const program = new Program(tempFolder(t, 'torture'))
        program.expect(0, 'init')
        program.expect(0, 'backup', source)
        const restore = program.run('restore', 'latest', '--target', join(here, 'target'))
        assert.equal(restore.status, status, restore.stderr)
        const lines = differences(describeTree(source), describeTree(join(here, 'target', source)))
        assert.ok(lines.length > 0)
        assert.deepEqual(
          lines.filter((line) => !lost.test(line)),
          [],
        )
        for (const warning of warnings) assert.match(restore.stderr, warning)
        if (to === 'xfs') return
        const echoes = system(here, 'getfattr', '-R', '-h', '-m', '^trusted[.]SGI_ACL_', `target${there}/source/acls`)
        assert.equal(echoes, '', 'what xfs shows of ACLs a second time is not kept')
      })
    })
  })
}

/** One after the other, in a tree that was backed up and restored before. */
const CHANGES = [
  'chmod 0600 sizes/random-511; chmod 4711 sizes/random-512',
  'chown 77:88 sizes/random-513',
  'touch -d @1.000000001 sizes/random-4095; touch -h -d @-5.5 symlinks/dot',
  'setfattr -n user.new -v value sizes/random-1; setfattr -x user.empty xattrs/file; setfattr -n user.holdfast -v other xattrs/folder',
  'setfacl -m u:99:r sizes/random-2; setfacl -b acls/user; setfacl -k acls/defaults',
  'setcap -r capabilities/ping; setcap cap_chown+p capabilities/server',
  'chattr -i flags/file-i; chattr -a flags/file-a; chattr -i flags/folder-i; chattr +i sizes/random-63; chattr +A sizes',
  'rm sizes/random-64; ln sizes/random-65 sizes/random-64',
  'rm links-b/two; cp -p links-a/two links-b/two',
  'printf x | dd of=sizes/random-20971520 bs=1 seek=10000000 conv=notrunc status=none',
  'truncate -s 100 sizes/random-65536; truncate -s 100000 sizes/random-16384',
  'fallocate -p -o 4096 -l 65536 sizes/random-1048576',
  'dd if=/dev/zero of=sparse/all-hole-1m bs=64k seek=4 count=1 conv=notrunc status=none',
  'rm symlinks/absolute; mkdir symlinks/absolute; touch symlinks/absolute/inside',
  'rm -r sizes/empty-with-empty; ln -s nowhere sizes/empty-with-empty',
  'rm special/fifo; echo now a file >special/fifo; rm special/null; mkfifo special/null',
  'rm -r modes/folder-00755; echo now a file >modes/folder-00755; rm modes/file-00755; mkdir modes/file-00755',
  'mv names/-rf names/renamed; mv names/folders/-rf names/folders/renamed',
  'cd many; ls | head -n -9900 | xargs rm; for n in 1 2 3; do echo $n >new-$n; done', // a crowd goes with that
]

function summaryOf(lines: string): Record<string, unknown> {
  return JSON.parse(lines.trim().split('\n').at(-1)!) as Record<string, unknown>
}

function assertSame(before: TreeDescription, after: TreeDescription, what: string): void {
  const lines = differences(before, after)
  const more = lines.length > SHOWN_MAX ? `\n… and ${lines.length - SHOWN_MAX} more` : ''
  assert.ok(lines.length === 0, `${what} differs:\n${lines.slice(0, SHOWN_MAX).join('\n')}${more}`)
}

/** Inode and time of the last change of everything: whatever is done to a file or folder moves one of them. */
function changeTimes(root: string): TreeDescription {
  const fields = system(root, 'find', '.', '-printf', '%P\\0%i\\0%C@\\0').split('\0')
  const tree: TreeDescription = new Map()
  for (let n = 0; n + 3 <= fields.length; n += 3) tree.set(fields[n]!, { inode: fields[n + 1]!, ctime: fields[n + 2]! })
  return tree
}
