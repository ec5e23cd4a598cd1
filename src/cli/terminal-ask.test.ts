import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choose } from './terminal-ask.ts'

/** Somebody who types these lines, and what is shown meanwhile. */
function person(...lines: string[]) {
  const shown: string[] = []
  const ask = async (question: string) => {
    shown.push(question)
    return lines.shift()!
  }
  return { shown, ask, tell: (line: string) => void shown.push(line) }
}

test('a question of yes or no takes y and n, whole words too, and nothing else', async () => {
  const cases: [string[], boolean][] = [
    [['y'], true],
    [['Yes '], true],
    [['n'], false],
    [['NO'], false],
    [['', '1', 'yep', '2', 'n'], false],
  ]
  for (const [lines, answer] of cases) {
    const { shown, ...someone } = person(...lines)
    const asked = lines.length
    assert.equal(await choose(someone, 'Make new keys?', 'yes', 'no, change nothing'), answer)
    assert.deepEqual(shown.slice(0, 3), ['Make new keys?', '  y  yes', '  n  no, change nothing'])
    assert.deepEqual(
      shown.slice(3),
      Array.from({ length: asked }, () => 'y or n? '),
    )
  }
})

test('other answers have numbers', async () => {
  const { shown, ...someone } = person('Play', 'y', '2')
  assert.equal(await choose(someone, 'A game?', 'Play', 'Stop'), false)
  assert.deepEqual(shown, ['A game?', '  1  Play', '  2  Stop', '1 or 2? ', '1 or 2? ', '1 or 2? '])
  assert.equal(await choose(person('2', 'no', '1'), 'Touched it?', 'Done', undefined), true)
})
