// What the tests of the audit share: a usual history, and what an audit of it tells.
import assert from 'node:assert/strict'
import { digestOf } from '../../src/format/checkpoint.ts'
import type { Checkpoint } from '../../src/format/checkpoint.ts'
import { checkpointText, parseCheckpoint } from '../../src/format/checkpoint-text.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import type { AuditResult } from '../../src/ops/audit.ts'
import type { BackupResult } from '../../src/ops/backup/backup.ts'
import { makeCheckpoint } from '../../src/ops/checkpoint.ts'
import { lookAtHistory } from '../../src/repo/history/rollback.ts'
import type { Store } from '../../src/store/store.ts'
import { HistoryScene, HOUR } from './history-scene.ts'
import type { Machine } from './history-scene.ts'

export async function audit(
  scene: HistoryScene,
  opts: { store?: Store; checkpoint?: Checkpoint; machine?: Machine } = {},
): Promise<AuditResult & { readonly told: string[] }> {
  const repo = await scene.open(opts.store)
  const result = await auditHistory({
    repo,
    ...(opts.checkpoint !== undefined && { checkpoint: opts.checkpoint }),
    ...(opts.machine !== undefined && { look: await lookAtHistory(repo, opts.machine.state) }),
  })
  return { ...result, told: result.findings.map(({ kind, object, message }) => `${kind} ${object}: ${message}`) }
}

export async function checkpointOf(scene: HistoryScene, full = true): Promise<Checkpoint> {
  const checkpoint = await makeCheckpoint(await scene.open(), { nowMs: scene.now, full })
  return parseCheckpoint(checkpointText(checkpoint), 'paper')
}

export function assertFound({ told }: { readonly told: readonly string[] }, ...patterns: RegExp[]): void {
  for (const pattern of patterns)
    assert.ok(
      told.some((each) => pattern.test(each)),
      `${pattern} in\n${told.join('\n')}`,
    )
}

/** Three machines, a few backups each over some days. */
export async function usualHistory() {
  const scene = await HistoryScene.create()
  const [ada, bob, cyd] = [scene.machine('ada'), scene.machine('bob'), scene.machine('cyd')]
  const made: Record<'ada' | 'bob' | 'cyd', BackupResult['snapshot'][]> = {
    ada: [],
    bob: [],
    cyd: [],
  }
  for (let day = 0; day < 3; day++) {
    for (const machine of [ada, bob, cyd]) {
      made[machine.name as 'ada'].push(await machine.backup())
      scene.now += 2 * HOUR
    }
    scene.now += 18 * HOUR
  }
  return { scene, ada, bob, cyd, made }
}

/** With a Merkle root in the place of the heads. */
export async function digested(scene: HistoryScene): Promise<Checkpoint> {
  const checkpoint = await checkpointOf(scene)
  const heads = 'root' in checkpoint.heads ? checkpoint.heads : digestOf(checkpoint.heads)
  return parseCheckpoint(checkpointText({ ...checkpoint, heads }), 'paper')
}
