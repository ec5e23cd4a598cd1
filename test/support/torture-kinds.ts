// Everything that is not a plain file, and names that share one.
import { linkSync, lchownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { system, trySystem } from './system.ts'

export function makeHardLinks(root: string, a: string, b: string): void {
  writeFileSync(join(a, 'two'), 'two names in two folders')
  linkSync(join(a, 'two'), join(b, 'two'))
  writeFileSync(join(b, 'many'), Buffer.alloc(300_000, 'shared '))
  for (let n = 0; n < 50; n++) linkSync(join(b, 'many'), join(n % 2 === 0 ? a : b, `many-${n}`))
  writeFileSync(join(a, 'empty'), '')
  linkSync(join(a, 'empty'), join(b, 'empty'))
  // Equal content, other files: they must not become one.
  writeFileSync(join(a, 'apart'), 'two names in two folders')
  // One of three names lies outside of what is backed up.
  writeFileSync(join(a, 'outside'), 'a third name is elsewhere')
  linkSync(join(a, 'outside'), join(b, 'outside'))
  linkSync(join(a, 'outside'), `${root}.outside`)
  // Other kinds have several names too.
  symlinkSync('somewhere', join(a, 'symlink'))
  linkSync(join(a, 'symlink'), join(b, 'symlink'))
  system(a, 'mkfifo', 'fifo')
  linkSync(join(a, 'fifo'), join(b, 'fifo'))
  system(a, 'mknod', 'device', 'c', '1', '3')
  linkSync(join(a, 'device'), join(b, 'device'))
}

/** Longest target first; file systems differ (xfs 1,023, ext4 one block less a byte, btrfs a little less). */
const TARGET_LENGTHS = [4095, 3900, 1023]

export function makeSymlinks(folder: string, refused: string[]): void {
  const targets: Record<string, string> = {
    dangling: 'nowhere/at all',
    absolute: '/etc/passwd',
    self: 'self',
    dot: '.',
    up: '../../../../../../../../../../etc',
    slashes: '//a///b//',
    'trailing-slash': 'folder/',
    newline: 'a\nb',
    escape: '\x1b[2J',
    bytes: '\xff\xfe/\xc3',
    folder: 'target-folder',
    'name-255': 'n'.repeat(255),
  }
  mkdirSync(join(folder, 'target-folder'))
  for (const [name, target] of Object.entries(targets)) symlinkSync(Buffer.from(target, 'latin1'), join(folder, name))
  const length = TARGET_LENGTHS.find((n) => {
    try {
      symlinkSync('t/'.repeat(n / 2) + 'x'.repeat(n % 2), join(folder, 'long'))
      return true
    } catch {
      return false
    }
  })
  if (length !== TARGET_LENGTHS[0]) refused.push(`symlink targets beyond ${length} bytes`)
  lchownSync(join(folder, 'dangling'), 1234, 5678)
  if (!trySystem(folder, 'setfattr', '-h', '-n', 'trusted.on-symlink', '-v', 'value', 'absolute'))
    refused.push('xattrs of symlinks')
  system(folder, 'touch', '-h', '-d', '@-86400.000000001', 'dangling')
  system(folder, 'touch', '-h', '-d', '@1234567890.987654321', 'absolute')
}

export async function makeSpecialFiles(folder: string): Promise<void> {
  system(folder, 'mkfifo', '-m', '0640', 'fifo')
  system(folder, 'mknod', '-m', '0666', 'null', 'c', '1', '3')
  system(folder, 'mknod', '-m', '0600', 'large-numbers', 'c', '511', '262143')
  system(folder, 'mknod', '-m', '0660', 'disk', 'b', '8', '17')
  system(folder, 'mknod', '-m', '0644', 'whiteout', 'c', '0', '0') // overlayfs marks deleted files so
  await makeSocket(join(folder, 'socket'))
  system(folder, 'chown', '1:2', 'fifo', 'null', 'disk', 'socket')
  system(folder, 'chmod', '0751', 'socket')
  system(folder, 'touch', '-d', '@1111111111.111111111', 'fifo', 'null', 'disk', 'socket')
  system(folder, 'setfattr', '-n', 'trusted.on-fifo', '-v', 'value', 'fifo')
  system(folder, 'setfacl', '-m', 'u:1234:rw', 'fifo', 'disk')
}

/** Closing a server removes its socket, under the name that it listens on. */
async function makeSocket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(`${path}.listening`, resolve))
  renameSync(`${path}.listening`, path)
  await new Promise((resolve) => server.close(resolve))
}
