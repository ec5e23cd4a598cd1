// `npm run tidy`: the rules of the house that the compiler and the linter do not know. Each is a pure function over the
// files as text, with its own tests in test/tidy.test.ts.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkExports } from './tidy/exports.ts'
import { checkGlossary } from './tidy/glossary.ts'
import { checkImports } from './tidy/imports.ts'
import { checkLength } from './tidy/length.ts'
import { checkLinks } from './tidy/links.ts'
import { checkPackageFile } from './tidy/package-file.ts'
import { checkRequirements } from './tidy/requirements.ts'
import { readTree } from './tidy/tree.ts'
import type { Finding } from './tidy/tree.ts'
import { checkWords } from './tidy/words.ts'

export function tidy(root: string): Finding[] {
  const tree = readTree(root)
  const longFiles = JSON.parse(readFileSync(join(root, 'tools/tidy/long-files.json'), 'utf8')) as Record<string, number>
  const manifest = JSON.parse(tree.text('package.json')) as { dependencies: Record<string, string> }
  return [
    ...checkImports(tree, Object.keys(manifest.dependencies)),
    ...checkExports(tree),
    ...checkWords(tree, [root]),
    ...checkGlossary(tree),
    ...checkLength(tree, longFiles),
    ...checkLinks(tree, (path) => existsSync(join(root, path))),
    ...checkPackageFile(tree),
    ...checkRequirements(tree),
  ]
}

export function display(finding: Finding): string {
  return `${finding.file}${finding.line > 0 ? `:${finding.line}` : ''}: ${finding.what}`
}

if (import.meta.main) {
  const findings = tidy(dirname(import.meta.dirname))
  for (const finding of findings) console.log(display(finding))
  process.exitCode = findings.length === 0 ? 0 : 1
}
