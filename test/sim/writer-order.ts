// The rules on order (ordering-oracle.ts) for runs of the real backup, with what only the contents of index segments tell,
// and with what a report of success promises beyond them.
import { assert } from '../../src/base/assert.ts'
import { toHex } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { decodeIndexSegment } from '../../src/format/index-segment.ts'
import { packName, parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { OBJECT_TYPES } from '../../src/format/object-header.ts'
import { readSignerId } from '../../src/format/signed-object.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import { checkOrder, SUCCESS } from './ordering-oracle.ts'

/** Throws naming the rule that a backup in the log broke; `repo` reads what is really there. */
export async function checkWriterOrder(log: OperationLog, repo: Repository, isWriter = isRun): Promise<void> {
  const segments = new Map<string, readonly string[]>()
  for (const { kind, name } of log.operations) {
    if (kind !== 'put' || !name.startsWith(PREFIXES.index) || segments.has(name)) continue
    const packs = await packsIn(repo, name)
    if (packs !== undefined) segments.set(name, packs)
  }
  checkOrder(log, { isWriter, packsOf: (name) => segments.get(name) })
  for (const [actor, own] of Map.groupBy(log.operations, (operation) => operation.actor)) {
    const success = own.find(({ kind, name }) => kind === 'mark' && name === SUCCESS)
    if (success !== undefined) checkSuccess(actor, own, segments)
  }
}

/** Backups that BackupWorld has started. */
function isRun(actor: string): boolean {
  return actor.startsWith('run ')
}

function checkSuccess(
  actor: string,
  operations: readonly Operation[],
  segments: ReadonlyMap<string, readonly string[]>,
): void {
  const snapshot = operations.findLast((o) => o.kind === 'put' && o.name.startsWith(PREFIXES.snapshots))
  assert(snapshot?.outcome === 'ok', `W6: ${actor} reports success, and its last snapshot was not acknowledged`)
  const running = operations.find(({ outcome }) => outcome === 'running')
  assert(running === undefined, `W6: ${actor} reports success while ${running?.kind} ${running?.name} is under way`)
  const named = operations
    .filter((o) => o.kind === 'put' && o.outcome === 'ok' && o.ended! < snapshot.began)
    .flatMap(({ name }) => segments.get(name) ?? [])
  for (const { kind, name, outcome } of operations) {
    if (kind !== 'put' || outcome !== 'ok' || parseObjectName(name)?.kind !== 'pack') continue
    assert(named.includes(name), `W5: ${actor} commits a snapshot and no acknowledged index segment names ${name}`)
  }
}

/** Undefined when the segment is not there or not whole: it was put in vain. */
async function packsIn(repo: Repository, name: string): Promise<string[] | undefined> {
  try {
    const bytes = await repo.store.get(name)
    const publicKey = await repo.writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, name))
    const { packs } = decodeIndexSegment(bytes, name, { sealer: repo.indexSealer, publicKey })
    return packs.map(({ kind, hash }) => packName(kind, toHex(hash)))
  } catch (error) {
    if (codeOf(error) === 'not-found' || codeOf(error) === 'corrupt') return undefined
    throw error
  }
}
