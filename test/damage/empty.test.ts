// Objects without a single byte, as crashed file systems leave them: each is named as damaged, nobody stumbles over one, and
// the rest stays usable. HOLDFAST_SIM_SEED makes other repositories.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { hash } from '../../src/crypto/hash.ts'
import {
  descriptionName,
  heartbeatName,
  indexName,
  keySlotName,
  logName,
  packName,
  parseObjectName,
  planName,
  sessionEndName,
  sessionKeysName,
  sessionName,
  snapshotName,
  snapshotPrefix,
  trashName,
  trashPrefix,
  writerName,
} from '../../src/format/names.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import { checked, damagedObjects, failures, readEverything, scrubbed, story } from './observation.ts'
import { firstTree, seededBytes } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const lab = await Laboratory.create(SEED)
const EMPTY = new Uint8Array()
/** An empty object under this hash is what its name promises: it is only its content that is wrong. */
const OF_NOTHING = toHex(hash(EMPTY))
const OTHER_HASH = 'ab'.repeat(32)
const ID = 'cd'.repeat(16)
const OWN = parsedWriter()

interface Stray {
  readonly name: string
  /** What a backup beside it ends with; undefined where it is no hindrance. */
  readonly backup?: ErrorCode
  /** The next snapshot follows on it, so that it is missed when it is removed. */
  readonly followed?: boolean
  /** A check does not call it damage: nobody needs it. */
  readonly leftOver?: boolean
}

const STRAYS: readonly Stray[] = [
  // What it demands of whoever writes is not known.
  { name: descriptionName(2), backup: 'corrupt' },
  { name: descriptionName(4_294_967_294), backup: 'corrupt' },
  ...[OF_NOTHING, OTHER_HASH].flatMap((of): Stray[] => [
    { name: keySlotName(of) },
    { name: packName('data', of) },
    { name: packName('meta', of) },
    { name: indexName(of) },
    { name: snapshotName(ID, 1, of) },
    { name: snapshotName(OWN, 1, of) },
    { name: snapshotName(OWN, 3, of), followed: true },
    // No number is left for the snapshot after it. What has the hash of its name is whole, and nothing that this machine made.
    { name: snapshotName(OWN, 9_999_999_999, of), ...(of === OTHER_HASH && { backup: 'limit' }) },
    { name: logName(OWN, 1, of) },
    { name: logName(ID, 1, of) },
  ]),
  { name: writerName(ID) },
  { name: sessionKeysName(ID) },
  { name: sessionName(ID) },
  { name: heartbeatName(ID, 0) },
  { name: sessionEndName(ID) },
  // What it condemns is not known, so nothing that is stored may be relied on.
  { name: planName(ID), backup: 'corrupt' },
  // No record names these copies, so they are none.
  { name: trashName(ID, 1, OTHER_HASH, ID), leftOver: true },
  { name: trashName(OWN, 3, OTHER_HASH, ID), followed: true, leftOver: true },
]

for (const { name, backup, followed = false, leftOver = false } of STRAYS) {
  test(`an empty ${shown(name)} beside what is sound is named and costs nothing`, async () => {
    const store = await lab.storeWith({ [name]: EMPTY })
    assert.deepEqual(await scrubbed(store), [name])
    const check = await checked(await lab.made.open(store))
    assert.deepEqual(damagedObjects(check), leftOver ? [] : [name])
    assert.ok(check.damages.every(({ affected }) => affected.length === 0))
    await assertWhole(store, name)
    const outcome = lab.made.backup(firstTree(seededBytes(SEED + 5000)), store, lab.made.copyOfState())
    if (backup !== undefined) {
      await assert.rejects(outcome, (error) => error instanceof BackupError && story(error).startsWith(backup))
      await assert.rejects(outcome, (error) => story(error).includes(name))
    } else await outcome
    await assertWhole(store, name)
    if (followed) return
    await store.delete(name)
    assert.deepEqual((await checked(await lab.made.open(store))).damages, [])
  })
}

for (const kind of ['pack', 'writer', 'index', 'snapshot', 'session', 'session-keys', 'session-end']) {
  test(`when all objects of the kind ${kind} are empty, a backup makes a snapshot that can be restored`, async () => {
    const store = await lab.storeWith(Object.fromEntries(lab.names(kind).map((name) => [name, EMPTY])))
    const before = new Set((await (await lab.made.open(store)).catalog.list()).map(({ id }) => id))
    await lab.made.backup(firstTree(seededBytes(SEED + 1000)), store, lab.made.copyOfState())
    const repo = await lab.made.open(store)
    const reading = await readEverything(repo)
    const made = (await repo.catalog.list()).filter(({ id }) => !before.has(id))
    assert.equal(made.length, 1)
    const found = reading.get(made[0]!.objectName)!
    assert.ok(!(found instanceof BackupError), story(found))
    assert.deepEqual(failures(found), [])
    // The same content as in the first snapshot, but for the times of the backup.
    assert.deepEqual([...found.keys()], [...firstPaths()])
  })
}

/** Everything that was there is read and restored as it was; errors are of the empty object alone. */
async function assertWhole(store: MemoryStore, name: string): Promise<void> {
  const reading = await readEverything(await lab.made.open(store))
  for (const [snapshot, found] of lab.whole) assert.deepEqual(reading.get(snapshot), found)
  for (const [snapshot, found] of reading) {
    if (found instanceof BackupError) assert.equal(snapshot, name)
    else assert.deepEqual(failures(found), [])
  }
  await lab.restoreOrNamed(await lab.made.open(store), [])
}

function firstPaths(): Iterable<string> {
  const [name] = lab.names('snapshot')
  return (lab.whole.get(name!) as ReadonlyMap<string, unknown>).keys()
}

function parsedWriter(): string {
  const parsed = parseObjectName(lab.names('writer')[0]!)!
  return parsed.kind === 'writer' ? parsed.wid : ''
}

/** For titles, which must not change with the seed. */
function shown(name: string): string {
  return name
    .replace(snapshotPrefix(OWN), 'snap/<own>/')
    .replace(trashPrefix(OWN), 'trash/<own>/')
    .replace(OF_NOTHING, '<hash of nothing>')
    .replace(OTHER_HASH, '<hash>')
    .replace(ID, '<id>')
}
