// The rules on order (ordering-oracle.ts) for runs of the real backup, with what only the contents of index segments tell,
// and with what a report of success promises beyond them.
import { assert } from '../../src/base/assert.ts'
import { concatBytes, toHex } from '../../src/base/bytes.ts'
import { decodeIndexSegment } from '../../src/format/index-segment.ts'
import { packName, parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { OBJECT_TYPES } from '../../src/format/object-header.ts'
import { readSignerId } from '../../src/format/signed-object.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { Operation, OperationLog } from '../../src/store/recording-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'
import { checkOrder, SUCCESS } from './ordering-oracle.ts'
import { Passing } from '../../src/store/passing-store.ts'

/** Keeps the index segments that pass through, by name: a pruner or a crash may take them from the store. */
export class SegmentKeeper extends Passing {
  readonly #kept: Map<string, Uint8Array>

  constructor(inner: Store, kept: Map<string, Uint8Array>) {
    super(inner)
    this.#kept = kept
  }

  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith(PREFIXES.index)) this.#kept.set(name, concatBytes(parts).slice())
    return super.put(name, parts)
  }
}

export interface OrderEvidence {
  readonly log: OperationLog
  /** What a SegmentKeeper kept. */
  readonly segments: ReadonlyMap<string, Uint8Array>
  readonly repo: Repository
}

/** Throws naming the rule that a backup in the log broke. */
export async function checkWriterOrder({ log, segments: bytesOf, repo }: OrderEvidence): Promise<void> {
  const segments = new Map<string, readonly string[]>()
  for (const [name, bytes] of bytesOf) segments.set(name, await packsIn(repo, name, bytes))
  checkOrder(log, { isWriter: isRun, packsOf: (name) => segments.get(name) })
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
  // What an earlier session of the run has put, which was fenced, nobody needs to name.
  const began = operations.findLast(
    ({ kind, name }) => kind === 'put' && parseObjectName(name)?.kind === 'session',
  )?.began
  for (const { kind, name, outcome, began: at } of operations) {
    if (kind !== 'put' || outcome !== 'ok' || parseObjectName(name)?.kind !== 'pack' || at < (began ?? 0)) continue
    assert(named.includes(name), `W5: ${actor} commits a snapshot and no acknowledged index segment names ${name}`)
  }
}

async function packsIn(repo: Repository, name: string, bytes: Uint8Array): Promise<string[]> {
  const publicKey = await repo.writers.publicKey(readSignerId(OBJECT_TYPES.indexSegment, bytes, name), 'store', name)
  const { packs } = decodeIndexSegment(bytes, name, { sealer: repo.indexSealer, publicKey })
  return packs.map(({ kind, hash }) => packName(kind, toHex(hash)))
}
