// A file over the limit usually holds a second idea. Those that are over it may only shrink: long-files.json says how long
// each was, and follows it down.
import { isProduct } from './tree.ts'
import type { Finding, Tree } from './tree.ts'

export const LINES_MAX = 400
const SLACK = 20 // so that not every removed line asks for an edit of the list

export function checkLength(tree: Tree, allowed: Readonly<Record<string, number>>): Finding[] {
  const findings: Finding[] = []
  const report = (file: string, what: string): void => void findings.push({ file, line: 0, what })
  for (const file of tree.with('.ts')) {
    const limit = allowed[file] ?? LINES_MAX
    const lines = tree.text(file).split('\n').length - 1
    if (lines > limit) report(file, `has ${lines} lines, ${limit} are allowed: look for its second idea`)
    if (allowed[file] !== undefined && lines <= LINES_MAX)
      report(file, 'is short enough now: take it off tools/tidy/long-files.json')
    else if (lines + SLACK < limit && allowed[file] !== undefined)
      report(file, `shrank to ${lines} lines: say so in tools/tidy/long-files.json`)
  }
  for (const file of Object.keys(allowed)) {
    if (!tree.files.has(file)) report(file, 'is gone: take it off tools/tidy/long-files.json')
    else if (!isProduct(file) && allowed[file]! <= LINES_MAX)
      report(file, 'needs no exception in tools/tidy/long-files.json')
  }
  return findings
}
