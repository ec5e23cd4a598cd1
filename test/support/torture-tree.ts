// A tree with everything that a file system can hold and a backup can lose. Needs root and Linux. Made with Node's own
// calls and system programs, never with Holdfast's POSIX layer, which it is there to test.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  makeAccessLists,
  makeCapabilities,
  makeFlags,
  makeModesAndOwners,
  makeTimes,
  makeXattrs,
} from './torture-attributes.ts'
import { makeSizes, makeSparse } from './torture-content.ts'
import { makeHardLinks, makeSpecialFiles, makeSymlinks } from './torture-kinds.ts'
import { makeDeepPath, makeManyEntries, makeNames } from './torture-names.ts'

export interface TortureOptions {
  /** Empty and small files in one folder; 0 leaves it out. */
  readonly manyEntries: number
}

/** Fills the folder, which must be there and empty. Gives back what this file system could not take. */
export async function buildTortureTree(root: string, opts: TortureOptions): Promise<string[]> {
  const refused: string[] = []
  const section = (name: string): string => {
    const folder = join(root, name)
    mkdirSync(folder)
    return folder
  }
  makeSizes(section('sizes'))
  makeSparse(section('sparse'))
  makeNames(section('names'))
  makeDeepPath(section('deep'))
  makeManyEntries(section('many'), opts.manyEntries)
  makeHardLinks(root, section('links-a'), section('links-b'))
  makeSymlinks(section('symlinks'), refused)
  await makeSpecialFiles(section('special'))
  makeModesAndOwners(section('modes'))
  makeXattrs(section('xattrs'), refused)
  makeAccessLists(section('acls'))
  makeCapabilities(section('capabilities'))
  makeTimes(section('times'), refused)
  makeFlags(section('flags'), refused) // last: what is immutable cannot be touched any more
  return refused
}
