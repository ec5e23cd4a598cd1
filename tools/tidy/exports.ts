// What nobody uses is removed: not by another file, not by its own. (Types of a signature and limits are exported for who
// reads them, used elsewhere or not.)
import { lineOf } from './scan.ts'
import { isProduct } from './tree.ts'
import type { Finding, Tree } from './tree.ts'

const EXPORT = /^export (?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/gm

export function checkExports(tree: Tree): Finding[] {
  const words = new Map<string, Set<string>>()
  for (const file of tree.with('.ts')) {
    for (const word of new Set(tree.scan(file).code.match(/\b[A-Za-z_]\w*\b/g))) {
      const files = words.get(word)
      if (files === undefined) words.set(word, new Set([file]))
      else files.add(file)
    }
  }
  const findings: Finding[] = []
  for (const file of tree.with('.ts').filter(isProduct)) {
    const { code } = tree.scan(file)
    for (const match of code.matchAll(EXPORT)) {
      const name = match[1]!
      const isUsed = words.get(name)!.size > 1 || code.match(new RegExp(`\\b${name}\\b`, 'g'))!.length > 1
      if (!isUsed) findings.push({ file, line: lineOf(code, match.index), what: `${name} is used by nobody` })
    }
  }
  return findings
}
