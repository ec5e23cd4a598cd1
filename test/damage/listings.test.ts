// A list that fails, at its first page or half way through, is never taken for an empty or a short one: whatever needs it
// ends with an error that says so and with the exit code of that error, and decides nothing by what it has seen.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { describeFailure } from '../../src/cli/failure.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { catFile } from '../../src/ops/cat.ts'
import { findInSnapshots } from '../../src/ops/find.ts'
import { listTree } from '../../src/ops/ls.ts'
import { repositoryStats } from '../../src/ops/stats.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { listSlots } from '../../src/repo/keys/key-slots.ts'
import { addSlot, removeSlot } from '../../src/repo/keys/keyring.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { NO_FAULTS } from '../../src/store/faults.ts'
import { FaultyDisk } from '../../src/store/faulty-disk.ts'
import { FaultyStore } from '../../src/store/faulty-store.ts'
import type { ListPage, Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { Operator } from '../support/operator.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { checked, restoreAll, scrubbed, story } from './observation.ts'
import { firstTree, seededBytes } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const lab = await Laboratory.create(SEED)
const [FIRST] = await (await lab.made.open()).catalog.list()
/** Names on a page: every list of the repository that matters has more than one page, and its last is not full. */
const PAGE = 2

/** Gives lists in small pages; one of them, counted from 0, fails as a store fails that does not answer. */
class FailingList extends Passing {
  /** Lists asked for so far: the prefix of each. */
  readonly lists: string[] = []
  readonly #failing: Store
  readonly #at: number

  constructor(inner: Store, failing: Store, at = Infinity) {
    super(inner)
    this.#failing = failing
    this.#at = at
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    if (this.lists.push(prefix) - 1 === this.#at) return this.#failing.list(prefix, cursor)
    const { objects, cursor: next } = await super.list(prefix, cursor)
    return objects.length <= PAGE ? { objects, cursor: next } : firstPage(objects)
  }
}

function firstPage(objects: ListPage['objects']): ListPage {
  const page = objects.slice(0, PAGE)
  return { objects: page, cursor: page.at(-1)!.name }
}

interface Command {
  readonly run: (store: Store) => Promise<unknown>
  /** What it may put before it knows that a list fails; nothing unless given. */
  readonly mayPut?: RegExp
}

const reading = async (store: Store, use: (repo: Repository, root: Uint8Array) => Promise<unknown>): Promise<void> => {
  const repo = await lab.made.open(store)
  await repo.loadIndex()
  const { body } = await repo.findSnapshot('latest')
  await use(repo, body.root)
}

const COMMANDS: Readonly<Record<string, Command>> = {
  snapshots: { run: async (store) => (await lab.made.open(store)).catalog.readable() },
  'a snapshot by its id': { run: async (store) => (await lab.made.open(store)).findSnapshot(FIRST!.id.slice(0, 12)) },
  stats: {
    run: async (store) => {
      const repo = await lab.made.open(store)
      await repo.loadIndex()
      return repositoryStats(repo, (await repo.catalog.readable()).snapshots)
    },
  },
  ls: {
    run: (store) =>
      reading(store, (reader, root) =>
        listTree({ reader, root, path: new Uint8Array(), recursive: true, onEntry: () => {} }),
      ),
  },
  cat: {
    run: (store) =>
      reading(store, async (repo, root) => {
        for await (const part of catFile(repo, root, Buffer.from('/source/in pieces'))) void part
      }),
  },
  find: {
    run: async (store) => {
      const repo = await lab.made.open(store)
      await repo.loadIndex()
      const { snapshots } = await repo.catalog.readable()
      return findInSnapshots({ reader: repo, snapshots, rootOf: ({ body }) => body.root, matches: () => true })
    },
  },
  restore: { run: (store) => reading(store, (repo, root) => restoreAll(repo, root, [])) },
  'check of the structure': { run: async (store) => checked(await lab.made.open(store), 'structure') },
  'check of everything': { run: async (store) => checked(await lab.made.open(store)) },
  scrub: { run: scrubbed },
  backup: {
    run: async (store) => lab.made.backup(firstTree(seededBytes(SEED + 9)), store, lab.made.copyOfState()),
    mayPut: /^(?:sess|skeys|data|meta|index)\//,
  },
  'key list': { run: async (store) => listSlots(store, (await lab.made.open(store)).bundle) },
  'key add': {
    run: async (store) => addSlot(store, (await lab.made.open(store)).bundle, otherKeyFile(), slotDetails()),
    mayPut: /^keys\//,
  },
  init: {
    run: async (store) => {
      const { clock, random } = lab.made
      const chunker = { min: 1024, average: 2048, max: 8192 }
      await assert.rejects(createRepository(store, { credential: otherKeyFile(), clock, random, chunker }), (error) => {
        // That there is one already is what it says when nothing fails.
        if ((error as BackupError).code === 'exists') return true
        throw error
      })
    },
  },
}

for (const [what, { run, mayPut }] of Object.entries(COMMANDS)) {
  test(`${what}: each of its lists, page by page, ends it with an error when it fails`, async () => {
    const disk = await lab.storeWith({})
    const sound = new FailingList(disk, disk)
    await run(sound)
    assert.ok(sound.lists.length > 0)
    for (const [at, prefix] of sound.lists.entries()) {
      const store = await lab.storeWith({})
      const before = await namesIn(store)
      const failing = new FailingList(store, faulty(store, at), at)
      await assert.rejects(run(failing), (error) => assertSaysSo(error, prefix))
      const made = (await namesIn(store)).filter((name) => !before.includes(name))
      assert.deepEqual(
        made.filter((name) => mayPut?.test(name) !== true),
        [],
        `list ${at} of ${prefix} fails`,
      )
      assert.equal((await namesIn(store)).length, before.length + made.length, 'nothing is deleted')
    }
  })
}

test('a key slot is removed by what is seen of the others, never by what is not', async () => {
  for (let at = 0, removed = false; !removed; at++) {
    const store = await lab.storeWith({})
    const { bundle } = await lab.made.open(store)
    const first = await addSlot(store, bundle, otherKeyFile(), slotDetails())
    await addSlot(store, bundle, otherKeyFile(), slotDetails())
    const failing = new FailingList(store, faulty(store, at), at)
    removed = await removeSlot(failing, first).then(
      () => true,
      (error: unknown) => !assertSaysSo(error, PREFIXES.keys),
    )
    // Two pages before it is removed, then a look whether somebody else has removed the others.
    assert.equal((await namesIn(store)).includes(first), at < 2)
    assert.equal((await namesIn(store)).filter((name) => name.startsWith(PREFIXES.keys)).length, at < 2 ? 3 : 2)
  }
})

test('a backup after one whose lists failed stores what is missing and is whole', async () => {
  const store = await lab.storeWith({})
  const state = lab.made.copyOfState()
  const tree = firstTree(seededBytes(SEED + 9))
  for (let at = 0; at < 6; at++) {
    const failing = new FailingList(store, faulty(store, at), at)
    await assert.rejects(lab.made.backup(tree, failing, state))
  }
  await lab.made.backup(tree, new FailingList(store, store), state)
  const repo = await lab.made.open(store)
  assert.deepEqual((await checked(repo)).damages, [])
  assert.deepEqual(
    (await repo.snapshots()).map(({ seq }) => seq),
    [1, 2, 3],
  )
})

/** Folders whose list each of the commands needs, as the program is started. */
const NEEDED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['snapshots'], ['keys', 'snap', 'sess']],
  [['stats'], ['index', 'snap', 'meta']],
  [
    ['restore', 'latest', '--target', 'out'],
    ['index', 'snap'],
  ],
  [['check'], ['index', 'snap', 'gc', 'log']],
  [['scrub'], ['meta', 'writers', 'skeys']],
  [
    ['backup', 'photos'],
    ['gc', 'index', 'snap'],
  ],
  [['key', 'list'], ['keys']],
]

test('the program ends with the code for a store that does not answer when a folder of it cannot be listed', async (t) => {
  const folder = tempFolder(t, 'lists')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const photos = join(operator.home, 'photos')
  mkdirSync(photos)
  writeFileSync(join(photos, 'a.raw'), 'a photo')
  await backUp(scratch, [photos])
  for (const name of ['gc', 'log']) mkdirSync(join(scratch.location, name))
  for (const [command, folders] of NEEDED) {
    for (const name of folders) {
      const place = join(scratch.location, name)
      // As when part of a repository lies on another disk, which is not mounted.
      renameSync(place, `${place}.away`)
      symlinkSync(join(folder, 'not mounted'), place)
      const { status, stdout, stderr } = operator.run(command)
      unlinkSync(place)
      renameSync(`${place}.away`, place)
      assert.equal(status, EXIT.unreachable, `${command.join(' ')} without ${name}: ${stdout}${stderr}`)
      assert.match(stderr, new RegExp(`symbolic link in the repository leads nowhere: \\S+/${name}\\n`))
    }
  }
  assert.equal((await scratch.readAll()).length, 1, 'none of the backups made a snapshot')
})

/** Another way to the same objects, on which nothing works: each seed has another error. */
function faulty(store: Store, seed: number): Store {
  const rng = seededRng(SEED * 1000 + seed)
  const how = rng() < 0.5 ? { failBefore: 1 } : { failAfter: 1 }
  const faults = { ...NO_FAULTS, delayMsMax: 0, ...how }
  return new FaultyStore(new FaultyDisk(store, rng, { monotonic: () => 0 }), { rng, sleep: async () => {}, faults })
}

/** For assert.rejects. */
function assertSaysSo(error: unknown, prefix: string): true {
  assert.ok(error instanceof BackupError, String(error))
  assert.ok(story(error).includes(`simulated failure: ${prefix}`), story(error))
  const { code, exitCode } = describeFailure(error)
  assert.ok(code === 'unreachable' || code === 'io', code)
  assert.equal(exitCode, code === 'io' ? EXIT.failed : EXIT.unreachable)
  return true
}

async function namesIn(store: Store): Promise<string[]> {
  return (await store.list('')).objects.map(({ name }) => name)
}

function otherKeyFile() {
  return { kind: 'key-file' as const, secret: lab.made.random(32) }
}

function slotDetails() {
  return { created: timespecFromMs(lab.made.clock.now()), random: lab.made.random, suite: 1 as const }
}
