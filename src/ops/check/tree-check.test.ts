import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandmadeSnapshot } from '../../../test/support/handmade-snapshot.ts'
import type { Content } from '../../format/entry-model.ts'
import { AffectedWalk } from './affected.ts'
import { BrokenParts } from './broken-parts.ts'
import { DamageLog } from './damage.ts'
import { TreeCheck } from './tree-check.ts'

async function checked(snapshot: HandmadeSnapshot, roots: readonly Uint8Array[]): Promise<string[]> {
  const damage = new DamageLog(() => {})
  const broken = new BrokenParts()
  const reader = {
    readNode: (ref: Uint8Array) => snapshot.readNode(ref),
    readFreshNode: (ref: Uint8Array) => snapshot.readNode(ref),
    readBlob: () => snapshot.readBlob(),
    locate: (type: 'data' | 'tree' | 'list', ref: Uint8Array) => snapshot.locate(type, ref),
  }
  const trees = new TreeCheck(reader, damage, broken, () => {})
  for (const root of roots) await trees.tree(root, true)
  const walk = new AffectedWalk(reader, broken, damage, (ref) => ref)
  for (const [i, root] of roots.entries()) if (broken.any) await walk.snapshot(String(i), root)
  return damage
    .list()
    .flatMap(({ code, affected }) =>
      affected.flatMap(({ id, paths }) => paths.map((path) => `${code} ${id}:${Buffer.from(path).toString()}`)),
    )
}

const content = (ref: Uint8Array, length: number): Content => ({ kind: 'extents', extents: [{ length, ref }] })

test('a blob that the index does not name costs the files that need it, in every snapshot that has them', async () => {
  const snapshot = await HandmadeSnapshot.create()
  const [good, lost] = snapshot.block([new Uint8Array(600).fill(1), new Uint8Array(700).fill(2)])
  snapshot.forget(lost!)
  const shared = snapshot.directory('shared', [
    snapshot.file('a', content(good!, 600)),
    snapshot.file('b', content(lost!, 700)),
  ])
  const whole = snapshot.directory('whole', [snapshot.file('c', content(good!, 600))])
  const roots = [snapshot.root([shared, whole]), snapshot.root([shared, snapshot.file('z', content(lost!, 700))])]
  assert.deepEqual(await checked(snapshot, roots), [
    'not-found 0:/source/shared/b',
    'not-found 1:/source/shared/b',
    'not-found 1:/source/z',
  ])
})

test('a file that needs more than a blob has is damaged; a long attribute counts as content does', async () => {
  const snapshot = await HandmadeSnapshot.create()
  const [ref] = snapshot.block([new Uint8Array(600).fill(1)])
  const lost = new Uint8Array(32).fill(8)
  const xattrs = [{ name: Buffer.from('user.a'), value: { length: 9, extents: [{ length: 9, ref: lost }] } }]
  const root = snapshot.root([snapshot.file('beyond', content(ref!, 601)), snapshot.file('x', 'inline', { xattrs })])
  assert.deepEqual((await checked(snapshot, [root])).sort(), ['not-found 0:/source/beyond', 'not-found 0:/source/x'])
})

test('a node or a list that cannot be read costs what is below it', async () => {
  const snapshot = await HandmadeSnapshot.create()
  const gone = { ref: new Uint8Array(32).fill(7), entries: 0, bytes: 0 }
  const list: Content = { kind: 'list', level: 0, ref: new Uint8Array(32).fill(6), count: 9 }
  const root = snapshot.root([
    { ...snapshot.directory('gone', []), subtree: gone },
    snapshot.file('listed', list, { size: 9 }),
    snapshot.file('sound', 'inline'),
  ])
  assert.deepEqual((await checked(snapshot, [root])).sort(), ['corrupt 0:/source/gone', 'corrupt 0:/source/listed'])
})
