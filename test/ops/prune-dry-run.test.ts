// What a dry run of a prune shows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventSink } from '../../src/ops/events.ts'
import { PruningScene } from '../support/pruning.ts'

test('a dry run shows what would be too much at once, and warns that a prune would stop', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['d'])
  await scene.forget([0])
  const told: string[] = []
  const onEvent: EventSink = (event) => void (event.type === 'warning' && told.push(event.message))
  const { counts } = await scene.prune({ maxRemoved: 0.3, maxUnused: 0, dryRun: true, onEvent })
  assert.ok(counts.deadBytes + counts.repackDeadBytes > 0)
  assert.match(told.join('\n'), /^a prune would stop: \d\d % of .*--max-removed \d\d%/)
})
