// docs/reliability.md says of every rule on order what holds it: no rule is left out, and what is named is there and is about it.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const LABEL = /^[A-Z][0-9]$/

function section(file: string, heading: string): string {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const [, found] = text.split(`\n## ${heading}\n`)
  assert.ok(found !== undefined, `${file} has a section ${heading}`)
  return found.split('\n## ')[0]!
}

/** Cells of the table, without its head. */
function rows(): string[][] {
  const lines = section('docs/reliability.md', 'Rules on order').split('\n')
  const table = lines.filter((line) => line.startsWith('| ')).slice(1)
  return table.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

test('every rule on order has its row', () => {
  const named = section('docs/format.md', '10. Ordering').matchAll(/\(([A-Z][0-9])\)/g)
  const rules = new Set(Array.from(named, ([, rule]) => rule!))
  const told = rows().flatMap(([cell]) => cell!.split(', ').filter((label) => LABEL.test(label)))
  assert.deepEqual(told.toSorted(), [...rules].toSorted())
})

test('what holds a rule is there, and a check of the order of requests knows the rule by its name', () => {
  for (const [rules, held, mistakes] of rows()) {
    for (const [, file] of `${held} ${mistakes}`.matchAll(/`([^`]+)`/g)) {
      assert.ok(existsSync(join(ROOT, file!)), `${rules}: ${file} is there`)
    }
    const [, oracle] = /^order: `([^`]+)`/.exec(held!) ?? []
    if (oracle === undefined) continue
    const source = readFileSync(join(ROOT, oracle), 'utf8')
    for (const rule of rules!.split(', ')) {
      assert.ok(source.includes(`'${rule}'`) || source.includes(`  ${rule}: '`), `${oracle} knows ${rule}`)
    }
  }
})
