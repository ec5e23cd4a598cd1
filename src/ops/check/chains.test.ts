import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { initHashing, hash } from '../../crypto/hash.ts'
import { snapshotName } from '../../format/names.ts'
import { chainFlaws } from './chains.ts'
import type { ChainLink } from './chains.ts'

await initHashing()

const WID = new Uint8Array(16).fill(1)

/** Snapshot `seq` of a writer that follows `previous`; `what` makes it another one. */
function link(seq: number, previous?: ChainLink, what = '', wid = WID): ChainLink {
  const digest = hash(Buffer.from(`${toHex(wid)} ${seq} ${what}`))
  const id = toHex(digest)
  const head = {
    repoId: new Uint8Array(16),
    wid,
    seq,
    previous: previous === undefined ? new Uint8Array(32) : new Uint8Array(Buffer.from(previous.id, 'hex')),
    sid: new Uint8Array(16),
  }
  return { objectName: snapshotName(wid, seq, id), id, head }
}

function flaws(links: readonly ChainLink[], alsoThere: readonly ChainLink[] = []): string[] {
  const known = new Set([...links, ...alsoThere].map(({ objectName }) => objectName))
  return chainFlaws(links, known).map(({ object, kind }) => {
    return `${kind} ${links.findIndex(({ objectName }) => objectName === object)}`
  })
}

const one = link(1)
const two = link(2, one)
const three = link(3, two)
const four = link(4, three)

test('whole chains of several writers are sound, in whatever order they are listed', () => {
  const other = link(1, undefined, '', new Uint8Array(16).fill(2))
  assert.deepEqual(flaws([three, one, other, two, four]), [])
  assert.deepEqual(flaws([]), [])
})

test('a snapshot that is not there is told by the one after it; a damaged one is there', () => {
  assert.deepEqual(flaws([one, three, four]), ['lost 1'])
  assert.deepEqual(flaws([three]), ['lost 0'])
  assert.deepEqual(flaws([one, three, four], [two]), [])
  const [flaw] = chainFlaws([four], new Set())
  assert.match(flaw!.message, /^3 snapshots before it are not there$/)
})

test('the last snapshot of a chain can go unnoticed: nothing speaks of it', () => {
  assert.deepEqual(flaws([one, two, three]), [])
})

test('two snapshots in one place are a fork, and so is one that follows another than the one before', () => {
  const twin = link(2, one, 'twin')
  const found = flaws([one, two, twin])
  assert.equal(found.length, 1)
  assert.match(found[0]!, /^forked [12]$/)
  const stranger = link(3, twin)
  assert.deepEqual(flaws([one, two, stranger]), ['forked 2'])
})
