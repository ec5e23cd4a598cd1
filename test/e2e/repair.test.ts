// Damage to a real repository in a real folder, the program repairs it, and everything comes back bit for bit.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** With a key file: a passphrase costs half a second each time. */
class KeyedProgram extends Program {
  readonly #folder: string

  constructor(folder: string) {
    super(folder)
    this.#folder = folder
  }

  override run(...args: string[]): ReturnType<Program['run']> {
    const keyed = args[0] === 'init' || args[0] === 'scrub' ? args : [...args, '--key-file', join(this.#folder, 'key')]
    return super.run(...keyed)
  }
}

interface Scene {
  readonly program: Program
  readonly folder: string
  readonly source: string
}

function scene(t: TestContext): Scene {
  const folder = tempFolder(t, 'repair')
  const source = join(folder, 'source')
  mkdirSync(join(source, 'many'), { recursive: true })
  const rng = seededRng(11)
  const noise = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(rng() * 256))
  writeFileSync(join(source, 'large'), noise(3_000_000))
  for (let i = 0; i < 40; i++) writeFileSync(join(source, 'many', `file-${i}`), noise(2000))
  const program = new KeyedProgram(folder)
  const key = join(folder, 'key')
  program.expect(0, 'init', '--new-key-file', key)
  program.expect(0, 'backup', source)
  writeFileSync(join(source, 'later'), 'a second snapshot')
  program.expect(0, 'backup', source)
  return { program, folder, source }
}

/** Names of all objects. */
function objects({ program }: Scene): string[] {
  const found = readdirSync(program.repository, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(program.repository.length + 1))
    .sort()
}

function change({ program }: Scene, name: string, alter: (bytes: Buffer) => Uint8Array): void {
  const path = join(program.repository, name)
  chmodSync(path, 0o600)
  writeFileSync(path, alter(readFileSync(path)))
}

function assertRestores({ program, folder, source }: Scene): void {
  const target = join(folder, 'restored')
  rmSync(target, { recursive: true, force: true })
  program.expect(0, 'restore', 'latest', '--target', target)
  const diff = spawnSync('diff', ['-r', source, join(target, source)], { encoding: 'utf8' })
  assert.equal(diff.status, 0, diff.stdout)
}

/** In which snapshots a list has the mark. */
function marked({ program }: Scene): string[] {
  const lines = program.expect(0, 'snapshots').trim().split('\n').slice(1)
  return lines.map((line) => /\[lacks [^\]]*\]/.exec(line)?.[0] ?? '')
}

test('a disk that lost sectors everywhere: rehearsed, repaired, checked, restored', (t) => {
  const s = scene(t)
  const { program } = s
  const whole = new Map(objects(s).map((name) => [name, readFileSync(join(program.repository, name))]))
  // A sector of every object that is larger than one, a bit of every other one that is not a key slot.
  const hit = [...whole.keys()].filter((name) => !/^(?:keys|sess|index|parity)\//.test(name))
  for (const name of hit) {
    change(s, name, (bytes) => {
      if (bytes.length > 8192) bytes.fill(0, 4096, 8192)
      else bytes[bytes.length >> 1]! ^= 1
      return bytes
    })
  }
  const rehearsal = program.expect(0, 'repair', '--dry-run')
  for (const name of hit) assert.ok(rehearsal.includes(`would heal: ${name}, computed from parity`), name)
  for (const name of hit) {
    assert.ok(!whole.get(name)!.equals(readFileSync(join(program.repository, name))), 'nothing has changed')
  }
  const lines = program
    .expect(0, 'repair', '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const healed = lines.filter(({ action }) => action === 'healed').map(({ object }) => object as string)
  assert.deepEqual(new Set(healed), new Set(hit))
  program.expect(0, 'check', '--read-data')
  program.expect(0, 'scrub')
  for (const [name, bytes] of whole) assert.ok(bytes.equals(readFileSync(join(program.repository, name))), name)
  assertRestores(s)
})

test('what is beyond repair is named with its files, the rest is restored, and the next backup makes it whole', (t) => {
  const s = scene(t)
  const { program, folder, source } = s
  const packs = objects(s).filter((name) => name.startsWith('data/'))
  const large = packs.find((name) => readFileSync(join(program.repository, name)).length > 1_000_000)!
  change(s, large, (bytes) => bytes.fill(0, 1000, bytes.length - 10_000))
  const failed = program.run('repair')
  assert.equal(failed.status, 4)
  assert.match(failed.stdout, new RegExp(`cannot be made good: 1 object\\n  ${large}`))
  assert.ok(failed.stdout.includes(join(source, 'large')))
  assert.match(failed.stdout, /bytes are lost where it cannot make good so many/)
  const target = join(folder, 'partial')
  const restored = program.run('restore', 'latest', '--target', target)
  assert.equal(restored.status, 4)
  assert.match(
    restored.stderr,
    /^warning: this snapshot is known to lack 41 paths \(\/.*, …\), found by .*; the rest is/,
  )
  assert.deepEqual(marked(s), ['[lacks 41 paths]', '[lacks 41 paths]'])
  const listed = program.expect(0, 'snapshots', '--json').trim().split('\n')
  assert.deepEqual(
    listed.map((line) => JSON.parse(line).lacks?.path_count),
    [41, 41],
  )
  const entries = program.expect(0, 'ls', '-R', 'latest').trim().split('\n')
  assert.equal(entries.filter((line) => line.endsWith(' [content lost]')).length, 41)
  assert.ok(entries.includes(join(source, 'later')))
  const found = program.expect(0, 'find', '--json', 'large', 'later').trim().split('\n')
  assert.deepEqual(
    found.map((line) => JSON.parse(line)).flatMap(({ type, lacks }) => (type === 'version' ? [lacks] : [])),
    [true, undefined],
  )
  // Another machine, or this one without what it remembers.
  rmSync(join(folder, 'home', '.local'), { recursive: true })
  assert.deepEqual(marked(s), ['[lacks 41 paths]', '[lacks 41 paths]'])
  const [record] = objects(s).filter((name) => name.startsWith('log/'))
  const hidden = readFileSync(join(program.repository, record!))
  change(s, record!, (bytes) => bytes.subarray(0, 100))
  const unread = program.run('snapshots')
  assert.equal(unread.status, 0)
  assert.match(unread.stderr, /^warning: .*whether it says of a snapshot that it lacks something is not known$/m)
  change(s, record!, () => hidden)
  assert.equal(readFileSync(join(target, source, 'later'), 'utf8'), 'a second snapshot')
  // The source still has it.
  program.expect(0, 'backup', source)
  assert.deepEqual(marked(s), ['', '', ''])
  assert.match(program.expect(0, 'repair'), /^noted in the log: log\/.*\nall of it is made good/)
  assert.match(program.expect(0, 'repair'), /^nothing to repair/)
  assert.match(program.expect(0, 'audit'), /nothing is lost any more/)
  const [first] = program
    .expect(0, 'snapshots', '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  program.expect(0, 'restore', first.short_id, '--target', join(folder, 'first'))
  assert.ok(readFileSync(join(folder, 'first', source, 'large')).equals(readFileSync(join(source, 'large'))))
})
