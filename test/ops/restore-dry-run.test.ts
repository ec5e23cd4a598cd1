// People look at a dry run before they let data be destroyed: it has to say what the real run does, no more and no less.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import type { RestoreOptions } from '../../src/ops/restore/options.ts'
import { commandPath, missing } from '../support/requirements.ts'
import { scene, small } from '../support/restore-scene.ts'
import { restored, troublesOf } from '../support/restoring.ts'
import type { Backed, Restored } from '../support/restoring.ts'
import { system, trySystem } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

type Change = readonly [what: string, make: (target: string) => void]

const CHANGES: readonly Change[] = [
  ['a changed file', (target) => writeFileSync(join(target, 'a.txt'), 'changed')],
  ['a file with another mode', (target) => chmodSync(join(target, 'sub/deep/c.txt'), 0o600)],
  ['a folder that is gone', (target) => rmSync(join(target, 'sub/deep'), { recursive: true })],
  ['a file in the place of a folder', (target) => put(target, 'sub/deep', (path) => writeFileSync(path, ''))],
  ['an empty folder in the place of a file', (target) => put(target, 'sub/b.txt', (path) => mkdirSync(path))],
  ['a full folder in the place of a file', (target) => put(target, 'sub/b.txt', makeTree)],
  ['a full folder in the place of a symlink', (target) => put(target, 'sub/link', makeTree)],
  ['a full folder in the place of a hard link', (target) => put(target, 'sub/hard', makeTree)],
  ['an extra tree', (target) => makeTree(join(target, 'sub/extra'))],
  ['an extra file and symlink', (target) => addFiles(target)],
]

/** What only root can make. */
const LOCKED: readonly Change[] = [
  ['a locked extra file', (target) => put(target, 'locked', lockedFile)],
  ['a locked file deep in an extra tree', (target) => put(target, 'extra', (path) => lockedFile(makeTree(path)))],
  ['a folder for appending in an extra tree', (target) => put(target, 'adds', (path) => lock('+a', makeTree(path)))],
  ['a locked file that has to be replaced', (target) => put(target, 'sub/b.txt', lockedFile)],
  ['a locked file in the place of a symlink', (target) => put(target, 'sub/link', lockedFile)],
  ['a locked file in the place of a folder', (target) => put(target, 'sub/deep', lockedFile)],
  ['a locked empty folder in the place of a file', (target) => put(target, 'a.txt', lockedFolder)],
  [
    'a locked folder with something to remove',
    (target) => lock('+i', join(makeTree(join(target, 'sub/more')), '../../..')),
  ],
  [
    'a folder for appending with something to remove',
    (target) => lock('+a', join(makeTree(join(target, 'sub/on')), '../../..')),
  ],
]

const MOUNTED: readonly Change[] = [
  ['a mount point among what is extra', (target) => put(target, 'sub/mounted', mount)],
  ['a mount point deep in an extra tree', (target) => put(target, 'tree', (path) => mount(join(makeTree(path), 'm')))],
  ['a mount point in the place of a file', (target) => put(target, 'sub/b.txt', mount)],
  ['a mount point that is a file in the place of a file', (target) => bindFile(join(target, 'a.txt'))],
]

const OPTIONS: readonly Partial<RestoreOptions>[] = [
  { delete: true },
  { delete: false },
  { delete: true, metadata: { flags: false } },
]

for (const [what, make] of CHANGES) {
  test(`a dry run says what a restore does: ${what}`, (t) => compareRuns(t, [make]))
}

for (const [what, make] of LOCKED) {
  test(`a dry run says what a restore does: ${what}`, async (t) => {
    if (canLock(t)) await compareRuns(t, [make])
  })
}

for (const [what, make] of MOUNTED) {
  test(`a dry run says what a restore does: ${what}`, async (t) => {
    if (canMount(t)) await compareRuns(t, [make])
  })
}

test('a dry run says what a restore does, whatever has happened to the target', async (t) => {
  const made = await scene(t, small)
  await fc.assert(
    fc.asyncProperty(
      fc.subarray([...CHANGES], { minLength: 2 }),
      fc.constantFrom(...OPTIONS),
      async (changes, opts) => {
        await compareOnce(
          made,
          changes.map(([, make]) => make),
          opts,
        )
      },
    ),
    { numRuns: 25 },
  )
})

test('a tree that holds something that must stay is left whole', async (t) => {
  if (!canLock(t)) return
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  try {
    lockedFile(makeTree(join(target, 'extra')))
    makeTree(join(target, 'other'))
    const result = await restored({ repo, root }, source, target, { delete: true })
    assert.deepEqual(troublesOf(result), [`refused ${join(source, 'extra')}`])
    assert.match(result.troubles[0]!.message, /it is locked.*extra\/in\/it\/locked/)
    assert.equal(existsSync(join(target, 'extra', 'first')), true)
    assert.equal(existsSync(join(target, 'other')), false)
    assert.equal(result.counts.deleted, 5)
  } finally {
    release(target)
  }
})

async function compareRuns(t: TestContext, changes: readonly Change[1][]): Promise<void> {
  const made = await scene(t, small)
  for (const opts of OPTIONS) await compareOnce(made, changes, opts)
}

async function compareOnce(
  { repo, root, source, target }: Backed & { readonly source: string; readonly target: string },
  changes: readonly Change[1][],
  opts: Partial<RestoreOptions>,
): Promise<void> {
  try {
    await restored({ repo, root }, source, target)
    for (const change of changes) change(target)
    const before = listing(target)
    const dry = await restored({ repo, root }, source, target, { ...opts, dryRun: true })
    assert.equal(listing(target), before)
    const real = await restored({ repo, root }, source, target, opts)
    assert.deepEqual(told(dry), told(real))
    assert.equal(told(real).removed.length, real.counts.deleted)
  } finally {
    release(target)
    rmSync(target, { recursive: true, force: true })
  }
}

function told(result: Restored) {
  return {
    counts: result.counts,
    troubles: troublesOf(result),
    removed: result.items.filter((item) => item.startsWith('removed')).sort(),
    restored: result.items.filter((item) => item.startsWith('restored')).sort(),
  }
}

function listing(target: string): string {
  return system(target, 'find', '.', '-printf', '%p %y %m %s %T@ %C@ %i\n')
}

/** Removes what is there and puts something else in its place. */
function put(target: string, name: string, make: (path: string) => void): void {
  const path = join(target, name)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(join(path, '..'), { recursive: true })
  make(path)
}

/** Five names; gives the deepest folder. */
function makeTree(path: string): string {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(join(path, 'in', 'it'), { recursive: true })
  writeFileSync(join(path, 'first'), '')
  symlinkSync('nowhere', join(path, 'in', 'link'))
  return join(path, 'in', 'it')
}

function addFiles(target: string): void {
  writeFileSync(join(target, 'extra.txt'), 'x')
  symlinkSync('/', join(target, 'extra link'))
}

function lockedFile(path: string): void {
  const file = existsSync(path) ? join(path, 'locked') : path
  writeFileSync(file, 'locked')
  lock('+i', file)
}

function lockedFolder(path: string): void {
  mkdirSync(path)
  lock('+i', path)
}

function lock(flag: string, path: string): void {
  system('/', 'chattr', flag, path)
}

function mount(path: string): void {
  mkdirSync(path)
  system('/', 'mount', '-t', 'tmpfs', 'none', path)
  writeFileSync(join(path, 'precious'), '')
}

function bindFile(path: string): void {
  writeFileSync(path, 'mounted')
  system('/', 'mount', '--bind', path, path)
}

/** Nothing below `target` is locked or mounted any more. */
function release(target: string): void {
  if (process.getuid!() !== 0) return
  for (const path of ['sub/mounted', 'tree/in/it/m', 'sub/b.txt', 'a.txt']) trySystem(target, 'umount', path)
  trySystem('/', 'chattr', '-R', '-ia', target) // symlinks have no flags
}

function canLock(t: TestContext): boolean {
  if (process.getuid!() !== 0 || commandPath('chattr') === undefined) return missing(t, 'chattr')
  const probe = tempFolder(t, 'locks')
  if (!trySystem(probe, 'chattr', '+i', '.')) return missing(t, 'a file system with flags')
  system(probe, 'chattr', '-i', '.')
  return true
}

function canMount(t: TestContext): boolean {
  const probe = tempFolder(t, 'mounts')
  if (process.getuid!() !== 0 || !trySystem('/', 'mount', '-t', 'tmpfs', 'none', probe)) return missing(t, 'mount')
  system('/', 'umount', probe)
  return true
}
