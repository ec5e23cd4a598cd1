// What tests need of the machine is installed in CI, where a test that lacks something fails instead of being skipped.
import { lineOf } from './scan.ts'
import type { Finding, Tree } from './tree.ts'

const REQUIREMENTS = 'test/support/requirements.ts'
const CI = '.ci/run'

export function checkRequirements(tree: Tree): Finding[] {
  const installed = new Set([...tree.text(CI).matchAll(/\[([\w.-]+)\]=/g)].map((match) => match[1]))
  const findings: Finding[] = []
  for (const file of tree.typescript('src', 'test')) {
    const { code, literals } = tree.scan(file)
    for (const match of code.matchAll(/\brequireCommand\(\s*\w+,\s*(['"])(\s*)\1/g)) {
      const start = match.index + match[0].length - 1 - match[2]!.length
      const program = literals.slice(start, start + match[2]!.length)
      if (!installed.has(program)) {
        findings.push({ file, line: lineOf(code, match.index), what: `needs ${program}, which ${CI} does not install` })
      }
    }
    if (file === REQUIREMENTS || !file.endsWith('.test.ts')) continue
    for (const match of code.matchAll(/\.skip\(|\bskip:/g)) {
      const what = `skips in CI too; use what ${REQUIREMENTS} offers`
      findings.push({ file, line: lineOf(code, match.index), what })
    }
  }
  return findings
}
