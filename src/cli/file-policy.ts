// `--distrust WHAT=GLOB`, `--fixed-blocks SIZE=GLOB` and `--compare GLOB`, on the command line and in the configuration.
import { BackupError } from '../base/errors.ts'
import { DISTRUSTED, type Distrusted, type FilePolicyOptions } from '../source/file-policy.ts'
import { excludeGlob, type GlobPattern, refuseMalformed } from '../source/glob-list.ts'
import type { RuleConfig } from './config.ts'
import { parseSize } from './units.ts'

export type FilePolicyFlags = {
  readonly distrust?: readonly string[]
  readonly fixedBlocks?: readonly string[]
  readonly compare?: readonly string[]
  readonly reread?: boolean
  readonly ignoreCtime?: boolean
  readonly ignoreInode?: boolean
}

const BLOCK_SIZE_MIN = 4096
/** The largest chunk of a repository as `init` makes it. */
const BLOCK_SIZE_MAX = 4 * 1024 * 1024

/** `layers` are the configuration and the source set, the farther first. Throws `usage` naming what is wrong. */
export function filePolicy(layers: readonly RuleConfig[], flags: FilePolicyFlags): FilePolicyOptions {
  const { reread, ignoreCtime, ignoreInode } = flags
  return {
    changes: { alwaysRead: reread === true, ignoreCtime: ignoreCtime === true, ignoreInode: ignoreInode === true },
    distrust: [...layers.flatMap(({ distrust = [] }) => distrust), ...(flags.distrust ?? [])].map(parseDistrust),
    fixedBlocks: [...layers.flatMap(({ fixedBlocks = [] }) => fixedBlocks), ...(flags.fixedBlocks ?? [])].map(
      parseFixedBlocks,
    ),
    compare: [...layers.flatMap(({ compare = [] }) => compare), ...(flags.compare ?? [])].map(parseCompare),
  }
}

function parseDistrust(text: string): NonNullable<FilePolicyOptions['distrust']>[number] {
  const [what, pattern] = parted(text, 'all=*.db')
  if (!(DISTRUSTED as readonly string[]).includes(what)) {
    throw new BackupError('usage', 'what is distrusted is none of ctime, mtime, inode, all', text, {
      hint: 'write it as in `all=*.db`',
    })
  }
  return { what: what as Distrusted, pattern: excludeGlob(pattern) }
}

function parseFixedBlocks(text: string): NonNullable<FilePolicyOptions['fixedBlocks']>[number] {
  const [length, pattern] = parted(text, '64k=*.img')
  const size = parseSize(length)
  if (size < BLOCK_SIZE_MIN || size > BLOCK_SIZE_MAX || !Number.isInteger(Math.log2(size))) {
    throw new BackupError('usage', 'blocks have 4 KiB to 4 MiB, and their size is a power of two', text)
  }
  return { size, pattern: excludeGlob(pattern) }
}

function parseCompare(pattern: string): GlobPattern {
  if (pattern !== '' && pattern !== '!') return refuseMalformed(excludeGlob(pattern))
  throw new BackupError('usage', 'a pattern is missing', pattern, { hint: 'write it as in `*.db`' })
}

function parted(text: string, example: string): [before: string, pattern: string] {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new BackupError('usage', 'a pattern is missing', text, { hint: `write it as in \`${example}\`` })
}
