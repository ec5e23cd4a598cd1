// What a restore cannot be faster than on this file system: create every folder and file, write it, set its times, close
// it, in one thread and with the content at hand. (Two threads are no faster on ext4: they wait for one journal.)
//   node bench/floor/restore.ts SOURCE TARGET_FOLDER
// Prints the seconds that took, without the time it takes to look at SOURCE.
import {
  closeSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

const CONTENT = Buffer.alloc(1024 * 1024, 'holdfast ')

interface Item {
  readonly path: string
  readonly kind: 'folder' | 'file' | 'link'
  readonly size: number
  readonly mode: number
  readonly seconds: number
  readonly link: string
}

function create(items: readonly Item[], target: string): void {
  for (const item of items) {
    const path = join(target, item.path)
    if (item.kind === 'folder') mkdirSync(path, { recursive: true })
    else if (item.kind === 'link') symlinkSync(item.link, path)
    else createFile(path, item)
  }
  for (const item of items.toReversed()) {
    if (item.kind === 'folder') utimesSync(join(target, item.path), item.seconds, item.seconds)
  }
}

function createFile(path: string, { size, mode, seconds }: Item): void {
  const fd = openSync(path, 'wx', mode)
  for (let at = 0; at < size;) at += writeSync(fd, CONTENT, 0, Math.min(CONTENT.length, size - at))
  futimesSync(fd, seconds, seconds)
  closeSync(fd)
}

/** Everything below `root`, folders before what is in them. */
function* itemsBelow(root: string, path = '.'): Generator<Item> {
  const full = join(root, path)
  const stat = lstatSync(full)
  const item = { path, size: stat.size, mode: stat.mode & 0o7777, seconds: stat.mtimeMs / 1000, link: '' }
  if (stat.isSymbolicLink()) yield { ...item, kind: 'link', link: readlinkSync(full) }
  if (stat.isFile()) yield { ...item, kind: 'file' }
  if (!stat.isDirectory()) return
  yield { ...item, kind: 'folder' }
  for (const name of readdirSync(full)) yield* itemsBelow(root, join(path, name))
}

if (import.meta.main) {
  const [source, target] = process.argv.slice(2)
  const items = [...itemsBelow(source!)]
  const begin = performance.now()
  create(items, target!)
  process.stdout.write(`${(performance.now() - begin) / 1000}\n`)
}
