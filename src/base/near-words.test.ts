import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearWords } from './near-words.ts'

test('a slip finds the word that was meant, and a word that is far from all finds none', () => {
  const commands = ['backup', 'restore', 'snapshots', 'forget', 'prune', 'ls', 'key', 'domain', 'find', 'diff']
  assert.deepEqual(nearWords('bakcup', commands), ['backup'])
  assert.deepEqual(nearWords('retsore', commands), ['restore'])
  assert.deepEqual(nearWords('snapshot', commands), ['snapshots'])
  assert.deepEqual(nearWords('prun', commands), ['prune'])
  for (const far of ['delete', 'mount', 'list', 'init', 'copy', 'x', '']) assert.deepEqual(nearWords(far, commands), [])
})

test('of several that are near only the nearest are named, and not more than asked for', () => {
  assert.deepEqual(nearWords('cart', ['care', 'card', 'carts', 'cast', 'art']), ['care', 'card', 'carts'])
  assert.deepEqual(nearWords('photos', ['photos2', 'phtoso']), ['photos2'])
})
