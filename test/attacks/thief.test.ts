// Somebody who has the laptop, switched off: its state folder, and the store besides if he likes.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import type { Bundle } from '../../src/format/bundle.ts'
import { Operator, type RunOptions } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const WITHOUT_KEY: RunOptions = { env: { HOLDFAST_KEY_FILE: undefined } }
const FILE = 'a name that nobody else has'
const CONTENT = 'a text that nobody else has '

interface Stolen {
  readonly scratch: ScratchRepository
  readonly admin: Operator
  readonly laptop: Operator
  readonly source: string
}

function scene(t: TestContext): Promise<Stolen> {
  const folder = tempFolder(t, 'thief')
  const source = join(folder, 'documents')
  mkdirSync(source)
  writeFileSync(join(source, FILE), CONTENT.repeat(100))
  return ScratchRepository.create(folder).then((scratch) => {
    const [admin, laptop] = [new Operator(folder, scratch, 'admin'), new Operator(folder, scratch, 'laptop')]
    return { scratch, admin, laptop, source }
  })
}

function run(who: Operator, args: readonly string[], opts: RunOptions = {}, status: number = EXIT.ok): string {
  const done = who.run(args, opts)
  assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
  return done.stdout + done.stderr
}

/** Everything in the home of the laptop, by path. */
function filesOf(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile()) continue
    files.set(path, readFileSync(path))
    assert.equal(statSync(path).mode & 0o077, 0, `${path} is for its owner alone`)
  }
  return files
}

function secretsOf({ rootSeed, localKey, domains, writer }: Bundle): Record<string, Uint8Array> {
  const [domain] = domains
  const { keyId, keyLoc, keyCdc, keyIdx, dataPrivate, metaPrivate } = domain!
  const all = { rootSeed, localKey, keyId, keyLoc, keyCdc, keyIdx, dataPrivate, metaPrivate, writer: writer?.seed }
  return Object.fromEntries(Object.entries(all).flatMap(([name, key]) => (key === undefined ? [] : [[name, key]])))
}

/** Nothing of these is in a file, as it is, in hex or in base64. */
function assertNowhere(files: ReadonlyMap<string, Buffer>, secrets: Readonly<Record<string, Uint8Array>>): void {
  for (const [what, secret] of Object.entries(secrets)) {
    const part = Buffer.from(secret.subarray(0, 32))
    for (const form of [part, Buffer.from(toHex(part)), Buffer.from(part.toString('base64'))]) {
      for (const [path, bytes] of files) assert.ok(!bytes.includes(form), `${what} is in ${path}`)
    }
  }
}

test('what a laptop keeps on its disk opens nothing and tells no name, without the key that was typed', async (t) => {
  const { scratch, laptop, source } = await scene(t)
  run(laptop, ['backup', source])
  run(laptop, ['snapshots'])
  run(laptop, ['check'])
  const files = filesOf(laptop.home)
  assert.ok(files.size >= 2, [...files.keys()].join())
  const { bundle } = await scratch.open()
  assertNowhere(files, {
    ...secretsOf(bundle),
    'the key file': scratch.credential.kind === 'key-file' ? scratch.credential.secret : assert.fail(),
    'a name': Buffer.from(FILE),
    'a source': Buffer.from(source),
    'a content': Buffer.from(CONTENT),
  })
  for (const args of [['snapshots'], ['ls', 'latest'], ['backup', source]]) {
    assert.match(run(laptop, args, WITHOUT_KEY, EXIT.usage), /passphrase|key/)
  }
})

test('a laptop that was enrolled opens the repository by itself: for its role, and no more', async (t) => {
  const { scratch, admin, laptop, source } = await scene(t)
  const asked = JSON.parse(run(laptop, ['enroll', 'request', '--no-wait', '--json'], WITHOUT_KEY).split('\n')[0]!)
  run(admin, ['enroll', 'approve', asked.code, '--role', 'write', '--name', 'laptop'])
  run(laptop, ['enroll', 'request', '--root', asked.root], WITHOUT_KEY)
  run(laptop, ['backup', source], WITHOUT_KEY)
  run(laptop, ['backup', source], WITHOUT_KEY)
  const files = filesOf(laptop.home)
  const machineKey = [...files].filter(([path]) => /\/machine-[0-9a-f]+$/.test(path))
  assert.equal(machineKey.length, 1)
  // Its own key lies there, as the key of an SSH host does; with it everything that a write-only machine has.
  assert.match(machineKey[0]![1].toString(), /^holdfast-machine-1 /)
  assertNowhere(files, {
    ...secretsOf((await scratch.open()).bundle),
    'a name': Buffer.from(FILE),
    'a content': Buffer.from(CONTENT),
  })
  for (const args of [['ls', 'latest'], ['restore', 'latest', '--target', join(laptop.home, 'r')], ['check']]) {
    assert.match(run(laptop, args, WITHOUT_KEY, EXIT.wrongKey), /takes a key that can read/)
  }
  assert.match(run(admin, ['snapshots']), /documents/)
  // Taken from it again: the slot goes, and the key that lies there opens nothing.
  const line = run(admin, ['key', 'list'])
    .split('\n')
    .find((each) => each.includes('write'))!
  run(admin, ['key', 'remove', /[0-9a-f]{8,}/.exec(line)![0]])
  assert.match(run(laptop, ['backup', source], WITHOUT_KEY, EXIT.wrongKey), /was let in, and its key was removed since/)
})
