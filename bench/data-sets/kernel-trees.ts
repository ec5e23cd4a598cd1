// Two versions of the Linux source from Debian's archive: many small files, and a realistic change between them.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { Unavailable } from './data-set.ts'

const PACKAGE = 'linux-source-6.1'
/** Used when the archive still has them; otherwise its oldest and newest. */
const PREFERRED = ['6.1.170-3', '6.1.192-2'] as const

export interface Trees {
  readonly versions: readonly [string, string]
  /** Folders of the older and the newer version. */
  readonly folders: readonly [string, string]
}

/** `wanted`: two versions, or none. */
export function kernelTrees(dataFolder: string, wanted: readonly string[]): Trees {
  const versions = choose(dataFolder, wanted)
  const [older, newer] = versions.map((version) => fetch(dataFolder, version))
  return { versions, folders: [older!, newer!] }
}

function choose(dataFolder: string, wanted: readonly string[]): readonly [string, string] {
  if (wanted.length > 0) {
    if (wanted.length !== 2) throw new Error('HOLDFAST_BENCH_KERNELS holds two versions, the older one first')
    return [wanted[0]!, wanted[1]!]
  }
  if (PREFERRED.every((version) => existsSync(folderOf(dataFolder, version)))) return PREFERRED
  const listed = run('apt-cache', ['madison', PACKAGE])
  const available = [...listed.matchAll(/^\s*\S+\s*\|\s*(\S+)\s*\|.*Packages$/gm)].map((match) => match[1]!)
  if (PREFERRED.every((version) => available.includes(version))) return PREFERRED
  if (available.length < 2) {
    throw new Unavailable(
      `apt knows ${available.length} versions of ${PACKAGE}, two are needed; ` +
        `put two trees into ${folderOf(dataFolder, 'A')} and …-B and set HOLDFAST_BENCH_KERNELS="A B"`,
    )
  }
  return [available.at(-1)!, available[0]!]
}

function folderOf(dataFolder: string, version: string): string {
  return join(dataFolder, `kernel-${version}`)
}

/** The folder with this version's tree, downloaded and unpacked if it is not there. */
function fetch(dataFolder: string, version: string): string {
  const folder = folderOf(dataFolder, version)
  if (existsSync(folder)) return folder
  console.error(`fetching ${PACKAGE} ${version}`)
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  run('apt-get', ['download', `${PACKAGE}=${version}`], partial)
  const archive = readdirSync(partial).find((name) => name.endsWith('.deb'))
  if (archive === undefined) throw new Unavailable(`apt-get download left no package for ${version}`)
  run(
    'sh',
    ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar x --wildcards --strip-components=3 "./usr/src/*.tar.*"', 'sh', archive],
    partial,
  )
  const source = readdirSync(partial).find((name) => /\.tar\.\w+$/.test(name))
  if (source === undefined) throw new Unavailable(`${archive} has no source archive in it`)
  run('tar', ['xf', source], partial)
  for (const name of [archive, source]) rmSync(join(partial, name))
  renameSync(partial, folder)
  return folder
}

function run(program: string, args: string[], cwd?: string): string {
  const done = spawnSync(program, args, { encoding: 'utf8', ...(cwd === undefined ? {} : { cwd }) })
  if (done.status === 0) return done.stdout
  throw new Unavailable(`${program} ${args[0]} failed: ${done.error?.message ?? done.stderr.trim()}`)
}
