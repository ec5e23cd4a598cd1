// What the rows are held against besides other programs: the parts of the work alone, done by the simplest means.
import { join } from 'node:path'
import type { Command } from './measure.ts'

export interface Floor {
  readonly id: string
  readonly what: string
  /** `source` is what is backed up, `target` a new empty folder. */
  command(source: string, target: string): Command
  /** The command prints the seconds that count. */
  readonly printsSeconds?: boolean
}

export const ZSTD_LEVEL = 3 // what `holdfast backup` uses by default

const tar: Floor = {
  id: 'tar',
  what: 'tar, written nowhere: open and read every file',
  command: (source) => shell('tar cf - "$1" 2>/dev/null | cat >/dev/null', source),
}
const zstd = (level: number): Floor => ({
  id: `zstd-${level}`,
  what: `tar and zstd -${level} on all processors, written nowhere`,
  command: (source) => shell(`tar cf - "$1" 2>/dev/null | zstd -q -${level} -T0 >/dev/null`, source),
})
const pipeline: Floor = {
  id: 'pipeline',
  what: `read, hash, zstd -${ZSTD_LEVEL}, encrypt and write on all processors, nothing else`,
  command: (source, target) => script('pipeline.ts', source, target, String(ZSTD_LEVEL)),
}
const find: Floor = {
  id: 'find',
  what: 'find -printf: the attributes of every file',
  command: (source) => shell(`find "$1" -printf '%p %s %T@ %C@ %m %U %G %i %n\\n' >/dev/null`, source),
}
const create: Floor = {
  id: 'create',
  what: 'create, write, set times and close every file, one thread',
  command: (source, target) => script('restore.ts', source, target),
  printsSeconds: true,
}
const read: Floor = {
  id: 'dd-read',
  what: 'dd to nowhere',
  command: (source) => ({ program: 'dd', args: [`if=${source}`, 'of=/dev/null', 'bs=1M', 'status=none'] }),
}
const copy: Floor = {
  id: 'dd-copy',
  what: 'dd to a new file',
  command: (source, target) => ({
    program: 'dd',
    args: [`if=${source}`, `of=${join(target, 'copy')}`, 'bs=1M', 'status=none'],
  }),
}
const node: Floor = {
  id: 'node',
  what: 'start of Node alone',
  command: () => ({ program: process.execPath, args: ['-e', '0'] }),
}

/** By row. */
export const FLOORS: Readonly<Record<string, readonly Floor[]>> = {
  'first-tree': [tar, zstd(1), zstd(3), pipeline],
  'again-tree': [find],
  'restore-tree': [create],
  'first-random': [read, pipeline],
  'restore-random': [copy],
  'first-image': [read, zstd(1), zstd(3), pipeline],
  'restore-image': [copy],
  'first-sql': [read, zstd(1), zstd(3), pipeline],
  'restore-sql': [copy],
  'start-version': [node],
}

function shell(line: string, argument: string): Command {
  return { program: '/bin/sh', args: ['-c', line, 'sh', argument] }
}

function script(name: string, ...args: string[]): Command {
  return { program: process.execPath, args: [join(import.meta.dirname, 'floor', name), ...args] }
}
