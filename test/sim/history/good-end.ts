// The end of a history: nothing fails any more. What was promised is there, can be brought back, and is whole; a prune is
// carried out to its end and takes none of it; a check finds nothing; the next backups succeed.
import { assert } from '../../../src/base/assert.ts'
import { BackupError } from '../../../src/base/errors.ts'
import { PREFIXES, sessionEndName } from '../../../src/format/names.ts'
import { checkRepository } from '../../../src/ops/check.ts'
import { examineDamaged, findListed, forgetDamaged } from '../../../src/ops/forget-damaged.ts'
import type { Repository } from '../../../src/repo/repository.ts'
import { repair } from '../../../src/ops/repair/repair.ts'
import { moveToTrash, purgeTrash, readTrash, recallFromTrash } from '../../../src/repo/history/trash.ts'
import { chance } from '../../../src/store/faults.ts'
import { simState } from '../local-state.ts'
import { Passing } from '../../../src/store/passing-store.ts'
import type { OperationLog } from '../../../src/store/recording-store.ts'
import { checkSnapshot } from '../snapshot-check.ts'
import { Administrator } from './administrator.ts'
import type { History } from './history.ts'

const LONG_MS = 3 * 24 * 3_600_000
/** Prunes after which, at the latest, nothing is left to do. */
const PRUNES_TO_THE_END = 3

export async function comeToAGoodEnd(history: History): Promise<void> {
  const { world } = history
  await world.clock.sleep(LONG_MS)
  const last = new Administrator(history, 'the last one')
  await repairFromMirror(history)
  await world.finish(letGoOfDamaged(history, last))
  await world.finish(bringBackSome(history, last))
  await world.finish(forgetWhatCountsForNothing(history, last))
  const { waiting } = await world.finish(pruneAll(history, last))
  assert(waiting.length === 0, 'a prune that waits for nobody is carried out')
  await restoreAll(history)
  if (chance(world.rng, 0.2)) {
    // What sessions left whom the first one declared dead; and of several copies of a blob another one may count the next time.
    let again = await world.finish(pruneAll(history, last))
    for (let more = 0; more < PRUNES_TO_THE_END && again.packsDeleted > 0; more++) {
      again = await world.finish(pruneAll(history, last))
    }
    assert(again.packsDeleted === 0, 'a prune finds nothing left to do at some time')
    assert((again.reencryption?.packsLeft ?? 0) === 0, 'nothing is left under older keys')
    await restoreAll(history)
  }
  await checkIsClean(history)
  for (const client of world.clients) await world.backupWell(client)
  await bringBackAll(history, last)
}

/** Can put right bytes in the place of wrong ones, as a folder can. */
class Replacing extends Passing {
  async replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    if (!(await this.inner.delete(name))) return false
    await this.inner.put(name, parts)
    return true
  }
}

/** What is rotten is made good, if somebody needs it. */
async function repairFromMirror({ world, mirror }: History): Promise<void> {
  for (const [name, whole] of world.disk.torn) await mirror.put(name, [whole])
  if ((await mirror.list('')).objects.length === 0) return
  const { clock, secureRandom: random } = world
  const someone = { state: simState(), clock, random, host: 'repairer', tool: 'simulator', by: 'repairer' }
  await world.finish(repair(await world.openForReading(new Replacing(world.objects)), { mirror, ...someone }))
}

async function pruneAll({ hasOlderKeys: reencrypt }: History, last: Administrator) {
  return last.prune(await last.open(), { wait: true, silenceMs: 0, maxUnused: 0, repackSmall: false, reencrypt })
}

/**
 * Snapshots that cannot be read and that no repair makes good, as an operator does it who reads what a prune says. Of those that
 * somebody was told are safe there are none.
 */
async function letGoOfDamaged({ promises }: History, last: Administrator): Promise<void> {
  const repo = await last.open()
  const { problems } = await repo.catalog.readable()
  for (const { subject } of problems) {
    const listed = await findListed(repo, subject)
    promises.check(!promises.kept.includes(listed.id), listed.id, 'cannot be read')
    await forgetDamaged(repo, [await examineDamaged(repo, listed)], await last.options(repo))
  }
}

/** What was promised is in one of its places; some of what is in the trash is brought back. */
async function bringBackSome(history: History, last: Administrator): Promise<void> {
  const { promises, world } = history
  const repo = await last.open()
  const listed = new Set((await repo.catalog.list()).map(({ id }) => id))
  const { snapshots, recalled } = await readTrash(repo)
  const trash = new Map([...snapshots, ...recalled].map((each) => [each.id, each]))
  for (const id of promises.kept) {
    if (listed.has(id)) continue
    const copy = trash.get(id)
    if (copy === undefined) promises.check(promises.mayBeGone(id), id, 'is neither there nor in the trash')
    else promises.check(promises.mayBeForgotten(id), id, 'is in the trash, and nobody forgot it')
    if (copy === undefined || chance(world.rng, 0.5)) continue
    await recallFromTrash(repo, [copy], await last.options(repo))
    promises.broughtBack([id])
  }
}

/** The rest of the trash still has its content. */
async function bringBackAll(history: History, last: Administrator): Promise<void> {
  const repo = await last.open()
  const listed = new Set((await repo.catalog.list()).map(({ id }) => id))
  const { world, promises } = history
  const { snapshots, recalled } = await readTrash(repo)
  for (const copy of [...snapshots, ...recalled]) {
    if (listed.has(copy.id) || !promises.kept.includes(copy.id)) continue
    await world.finish(last.options(repo).then((options) => recallFromTrash(repo, [copy], options)))
    promises.broughtBack([copy.id])
  }
  await restoreAll(history)
}

/** Snapshots that nobody was told are safe and that lack something, as an operator does it. */
async function forgetWhatCountsForNothing({ world, promises }: History, last: Administrator): Promise<void> {
  const repo = await last.open()
  await repo.loadIndex()
  for (const snapshot of await repo.snapshots()) {
    if (snapshot.confirmed && !promises.spoiled.has(snapshot.id)) continue
    const whole = await checkSnapshot(repo, snapshot, world.runOf(snapshot)).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof BackupError)) throw error
        return false
      },
    )
    if (whole) continue
    promises.beginToForget([snapshot.id])
    const options = await last.options(repo)
    await moveToTrash(repo, [snapshot], options)
    await world.clock.sleep(1000)
    await purgeTrash(repo, { ...options, days: 0 })
  }
}

/** Everything that is listed, and with it everything that was promised and not forgotten. */
async function restoreAll({ world, promises }: History): Promise<void> {
  const repo = await world.openForReading()
  await repo.loadIndex()
  const listed = await repo.snapshots()
  for (const snapshot of listed) await checkSnapshot(repo, snapshot, world.runOf(snapshot))
  const ids = new Set(listed.map(({ id }) => id))
  for (const id of promises.kept) promises.check(ids.has(id) || promises.mayBeForgotten(id), id, 'is gone')
  for (const { id, sid, confirmed } of listed) {
    const isFine = confirmed || !promises.kept.includes(id) || saysNoEnd(world.log, sid)
    promises.check(isFine, id, 'is unconfirmed')
  }
}

/**
 * Whether the run was told, and has told, that its end could not be noted. Somebody who listed snapshots before its own was there
 * may fence it after its last look at the intent: then nothing says any more that it is confirmed. What it needs is kept all the
 * same, as for whatever is listed.
 */
function saysNoEnd({ operations }: OperationLog, sid: Uint8Array): boolean {
  const end = sessionEndName(sid)
  const puts = operations.filter(({ kind, name }) => kind === 'put' && name === end)
  return puts.length > 0 && puts.every(({ outcome }) => outcome === 'failed')
}

async function checkIsClean({ world }: History): Promise<void> {
  const repo: Repository = await world.openForReading()
  const { damages, stoppedBy, unreadable } = await checkRepository({
    repo,
    depth: chance(world.rng, 0.3) ? 'all' : 'structure',
    rng: world.rng,
    threads: 0,
  })
  if (stoppedBy !== undefined) throw stoppedBy
  // Of the keys of a session that never began a put that failed may have left a part: nobody needs it, and nobody can tell.
  const stored = new Set(
    world.log.operations.flatMap(({ kind, name, outcome, found: made }) =>
      kind === 'put' && outcome === 'ok' && made ? [name] : [],
    ),
  )
  const isLeftOver = (object: string) => object.startsWith(PREFIXES.sessionKeys) && !stored.has(object)
  const [found] = [
    ...damages
      .filter(({ object }) => !isLeftOver(object))
      .map(({ object, messages }) => `${object}: ${messages.join(', ')}`),
    ...unreadable.map(String),
  ]
  assert(found === undefined, `the check is clean, but for ${found}`)
}
