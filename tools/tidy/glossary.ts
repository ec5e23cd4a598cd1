// One word for one thing (docs/glossary.md): names in the code that say the same with another word.
import { lineOf } from './scan.ts'
import { isProduct } from './tree.ts'
import type { Finding, Tree } from './tree.ts'

/** Word, as a part of a name: the glossary's word for it. */
const SYNONYMS: Readonly<Record<string, string>> = {
  archive: 'snapshot',
  vault: 'repository',
  footer: 'directory or trailer',
  manifest: 'snapshot or directory',
  fragment: 'chunk or extent',
  tombstone: 'plan',
  recipe: 'content list',
}

/** Names that say nothing about the one idea of their file. */
const EMPTY_NAMES = /(?:^|-)(?:utils?|helpers?|manager|misc|common|stuff)(?:\.|-)/

const DECLARED = /\b(?:class|interface|type|function|const|let)\s+([A-Za-z_$][\w$]*)/g

export function checkGlossary(tree: Tree): Finding[] {
  const findings: Finding[] = []
  for (const file of tree.files.keys()) {
    if (!isProduct(file)) continue
    const name = file.split('/').at(-1)!
    if (EMPTY_NAMES.test(name)) findings.push({ file, line: 0, what: 'is named for no idea' })
    for (const word of wordsOf(name)) report(file, 0, word)
    const { code } = tree.scan(file)
    for (const match of code.matchAll(DECLARED)) {
      for (const word of wordsOf(match[1]!)) report(file, lineOf(code, match.index), word)
    }
  }
  return findings

  function report(file: string, line: number, word: string): void {
    const wanted = SYNONYMS[word]
    if (wanted !== undefined) findings.push({ file, line, what: `says ${word}; the glossary says ${wanted}` })
  }
}

/** `packFooterSize` and `pack-footer.ts` give pack, footer, size. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .map((word) => word.replace(/(?<=[^s])s$/, ''))
}
