import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { AT_FDCWD } from '../../posix/constants.ts'
import { openAt } from '../../posix/open.ts'
import { statFd } from '../../posix/stat.ts'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { DirectoryNode, OPEN_DIRECTORY_FLAGS, OpenDirectories } from './directory-node.ts'

const nothing = () => {}

/** Directories `depth` levels deep, all adopted and released. */
function chain(t: TestContext, depth: number) {
  const folder = tempFolder(t, 'nodes')
  const directories = new OpenDirectories()
  const root = new DirectoryNode(undefined, utf8('/'), nothing)
  const fd = openAt(AT_FDCWD, folder, OPEN_DIRECTORY_FLAGS)
  directories.adopt(root, fd, statFd(fd))
  t.after(() => directories.closeAll())
  const nodes = [root]
  for (let i = 0; i < depth; i++) {
    const parent = nodes.at(-1)!
    const node = new DirectoryNode(parent, utf8('d'), nothing)
    const parentFd = directories.acquire(parent)
    mkdirSync(`/proc/self/fd/${parentFd}/d`)
    const opened = openAt(parentFd, utf8('d'), OPEN_DIRECTORY_FLAGS)
    directories.release(parent)
    directories.adopt(node, opened, statFd(opened))
    directories.release(node)
    nodes.push(node)
  }
  return { folder, directories, nodes }
}

test('a directory that was closed is opened again from its nearest open ancestor, at any depth', (t) => {
  const { directories, nodes } = chain(t, 300)
  const deepest = nodes.at(-1)!
  for (const node of nodes) if (node.parent !== undefined) directories.forget(node)
  const fd = directories.acquire(deepest)
  assert.equal(statFd(fd).ino, deepest.identity!.ino)
  directories.release(deepest)
})

test('a directory that somebody put in the place of another is refused, and so is a symlink to it', (t) => {
  const { folder, directories, nodes } = chain(t, 2)
  const [, middle, deepest] = nodes as [DirectoryNode, DirectoryNode, DirectoryNode]
  const forgetBoth = () => {
    directories.forget(deepest)
    directories.forget(middle)
  }
  forgetBoth()
  renameSync(join(folder, 'd'), join(folder, 'real'))
  symlinkSync('real', join(folder, 'd'))
  assert.throws(() => directories.acquire(deepest), { code: 'ENOTDIR' })
  forgetBoth()
  renameSync(join(folder, 'd'), join(folder, 'link'))
  mkdirSync(join(folder, 'd', 'd'), { recursive: true })
  assert.throws(() => directories.acquire(deepest), { code: 'refused' })
})

test('a directory is finished once, after everything below it', () => {
  const finished: string[] = []
  const finish = (node: DirectoryNode) => void finished.push(Buffer.from(node.path).toString())
  const root = new DirectoryNode(undefined, utf8('/'), finish)
  const a = new DirectoryNode(root, utf8('a'), finish)
  const b = new DirectoryNode(a, utf8('b'), finish)
  b.begin()
  b.end()
  a.end()
  root.end()
  assert.deepEqual(finished, [], 'the file in b is not done')
  b.end()
  assert.deepEqual(finished, ['/a/b', '/a', '/'])
})
