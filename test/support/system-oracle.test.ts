// The oracle of the torture test is worth what it notices.
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireCommand, withLoopFs } from './requirements.ts'
import { describeTree, differences } from './system-oracle.ts'
import { system } from './system.ts'

/** What is done to the tree, and the differences it makes. */
const CHANGES: readonly [command: string, ...expected: RegExp[]][] = [
  ['chmod 4755 file', /^"file": mode: "644" -> "4755"$/],
  ['chown 12:34 file', /^"file": owner: "0:0" -> "12:34"$/],
  ['chown -h 12:34 symlink', /^"symlink": owner/],
  // find prints seconds and nanoseconds side by side: two seconds before 1970 and 999,999,999 ns after that.
  ['touch -d @-1.000000001 file', /^"file": mtime: .* -> "-2\.9999999990"$/],
  ['touch -h -d @1.5 symlink', /^"symlink": mtime/],
  ['touch -d @1.5 folder', /^"folder": mtime/],
  ['touch -d @1.5 .', /^"\.": mtime/],
  ['setfattr -n user.a -v b file', /^"file": xattrs: nothing -> "user\.a=0x62"$/],
  ['setfattr -h -n trusted.a -v b symlink', /^"symlink": xattrs/],
  ['setfacl -m u:77:r file', /^"file": acl: .*user:77:r--/],
  ['setfacl -d -m u:77:r folder', /^"folder": acl: .*default:user:77:r--/],
  ['setcap cap_net_raw+p file', /^"file": xattrs/, /^"file": capabilities: nothing -> "cap_net_raw=p/],
  ['chattr +i folder/inner', /^"folder\/inner": flags: nothing -> "i"$/],
  ['chattr +d folder', /^"folder": flags: nothing -> "d"$/],
  ["printf 'Content' >file", /^"file": content/],
  ["printf 'content+' >file", /^"file": size: "7" -> "8"/, /^"file": content/],
  [
    'fallocate -p -o 65536 -l 65536 large',
    /^"large": holes: nothing -> "DATA 0, HOLE 65536, DATA 131072/,
    /^"large": content/,
  ],
  [
    'fallocate -d sparse; dd if=/dev/zero of=sparse bs=4096 count=1 conv=notrunc status=none',
    /^"sparse": holes: "HOLE 0" -> "DATA 0, HOLE 4096"$/,
    /^"sparse": content/,
  ],
  ['ln -sfT nowhere symlink', /^"symlink": target: "file" -> "nowhere"$/],
  ['rm device; mknod device c 1 5', /^"device": device: "1:3" -> "1:5"$/],
  ['rm fifo; mknod fifo c 1 5', /^"fifo": kind: "p" -> "c"$/, /^"fifo": device/],
  ['ln file second', /^"file": names: nothing -> "file \| second"/, /^"second": was not there$/],
  ['rm linked; cp linked-too linked', /^"linked": names: .* -> nothing$/, /^"linked-too": names: .* -> nothing$/],
  ['rm "new\nline"', /^"new\\nline": is missing$/],
]

test('the oracle notices every change of an attribute, and nothing else', async (t) => {
  for (const program of ['xfs_io', 'getfattr', 'getfacl', 'getcap', 'lsattr']) if (!requireCommand(t, program)) return
  await withLoopFs(t, 'ext4', 64, (mountPoint) => {
    for (const [n, [command, ...expected]] of CHANGES.entries()) {
      const root = join(mountPoint, `${n}`)
      makeTree(root)
      const before = describeTree(root)
      assert.deepEqual(differences(before, describeTree(root)), [], 'reading changes nothing')
      system(root, 'sh', '-c', command)
      // Most changes move some time as well; only `touch` is about times.
      const found = differences(before, describeTree(root), command.startsWith('touch') ? [] : ['mtime'])
      assert.equal(found.length, expected.length, `${command}: ${found.join('\n')}`)
      for (const pattern of expected)
        assert.ok(
          found.some((line) => pattern.test(line)),
          `${command}: ${pattern} in ${found.join('\n')}`,
        )
      system(root, 'sh', '-c', 'chattr -R -i . 2>/dev/null || true')
      rmSync(root, { recursive: true })
    }
  })
})

function makeTree(root: string): void {
  mkdirSync(root)
  const at = (name: string): string => join(root, name)
  writeFileSync(at('file'), 'content')
  writeFileSync(at('large'), Buffer.alloc(256 * 1024, 'x'))
  writeFileSync(at('new\nline'), '')
  writeFileSync(at('back\\slash'), '')
  mkdirSync(at('folder'))
  writeFileSync(at('folder/inner'), '')
  symlinkSync('file', at('symlink'))
  writeFileSync(at('linked'), 'two names')
  linkSync(at('linked'), at('linked-too'))
  system(root, 'mkfifo', 'fifo')
  system(root, 'mknod', 'device', 'c', '1', '3')
  system(root, 'truncate', '-s', '1M', 'sparse')
}
