// A disk image with an ext4 file system made from real files. A third or more of it is unused: most of that is holes, as
// programs for virtual machines leave them, the last part is zeros that were written.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { Unavailable } from './data-set.ts'

const PART = 1024 * 1024

/** `bytes`: size of the image; the files of `tree` must fit. */
export function writeDiskImage(path: string, bytes: number, tree: string): void {
  const made = spawnSync(
    'mke2fs',
    // Fixed identifiers, so that the image depends on the tree alone as far as possible.
    [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-b',
      '4096',
      '-m',
      '0',
      '-U',
      '6f6c6466-6173-7420-6265-6e6368000000',
      '-E',
      'hash_seed=6f6c6466-6173-7420-6265-6e6368000001',
      '-d',
      tree,
      path,
      `${Math.floor(bytes / 1024)}k`,
    ],
    { encoding: 'utf8', env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, SOURCE_DATE_EPOCH: '1700000000' } },
  )
  if (made.status !== 0) {
    throw new Unavailable(`mke2fs failed (apt-get install e2fsprogs): ${made.error?.message ?? made.stderr.trim()}`)
  }
  fillHoles(path, bytes - bytes / 16, bytes)
}

/** Writes zeros where zeros are read. */
function fillHoles(path: string, from: number, to: number): void {
  const fd = openSync(path, 'r+')
  const part = new Uint8Array(PART)
  for (let at = Math.floor(from / PART) * PART; at < to; at += PART) {
    const length = readSync(fd, part, 0, Math.min(PART, to - at), at)
    if (part.subarray(0, length).every((byte) => byte === 0)) writeSync(fd, part, 0, length, at)
  }
  closeSync(fd)
}
