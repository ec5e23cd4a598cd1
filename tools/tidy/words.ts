// What must not be written, and where: one table.
import { lineOf } from './scan.ts'
import { isProduct, isTest } from './tree.ts'
import type { Finding, Tree } from './tree.ts'

interface Rule {
  pattern: RegExp
  /** Where it is looked for; `text` is the whole file. */
  part: 'code' | 'comments' | 'text'
  applies: (file: string) => boolean
  what: string
}

const outside =
  (...folders: string[]) =>
  (file: string): boolean =>
    isProduct(file) && !folders.some((folder) => file.startsWith(`src/${folder}/`))
const typescript = (file: string): boolean => file.endsWith('.ts') && !file.includes('/assembly/')
const everywhere = (): boolean => true

export const RULES: readonly Rule[] = [
  {
    pattern: /\bconsole\s*\.|\bprocess\s*\.\s*(?:stdout|stderr|stdin)\b/g,
    part: 'code',
    applies: outside('cli'),
    what: 'talks to the terminal; report an event and let src/cli draw it',
  },
  {
    pattern: /\bprocess\s*\.\s*env\b|\b(?:homedir|userInfo|tmpdir)\s*\(/g,
    part: 'code',
    applies: outside('cli'),
    what: 'reads the environment; src/cli does and passes the value in',
  },
  {
    pattern: /\bprocess\s*\.\s*(?:exit|exitCode)\b/g,
    part: 'code',
    applies: outside('cli'),
    what: 'ends the process; throw, and let src/cli choose the exit code',
  },
  {
    pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\s*\.\s*now\b/g,
    part: 'code',
    applies: outside('base'),
    what: 'reads the clock; take a Clock as an argument',
  },
  {
    pattern:
      /\bMath\s*\.\s*random\b|\b(?:randomBytes|randomFill|randomFillSync|randomUUID|randomInt|getRandomValues)\b/g,
    part: 'code',
    applies: outside('base'),
    what: 'makes its own randomness; take an Rng or a SecureRandom as an argument',
  },
  {
    pattern: /\.\s*async\s*\(/g,
    part: 'code',
    applies: (file) => file.startsWith('src/posix/'),
    what: 'calls the system on a thread of koffi; it aborts when its worker is stopped, so calls are synchronous',
  },
  {
    pattern: /\bthrow\s+new\s+Error\b/g,
    part: 'code',
    applies: outside('posix', 'cli'), // the one throws what Node would, the other's flag parsers talk to their framework
    what: 'throws a plain Error; throw a BackupError that names the object, or assert() for a bug of ours',
  },
  { pattern: /@ts-(?:ignore|nocheck)/g, part: 'comments', applies: typescript, what: 'silences the compiler' },
  {
    pattern: /@ts-expect-error(?!\S*\s+\S)/g,
    part: 'comments',
    applies: typescript,
    what: 'expects a type error without saying why',
  },
  {
    pattern: /(?:ox|es)lint-disable(?!.* -- \S)/g,
    part: 'comments',
    applies: typescript,
    what: 'silences the linter without a reason after ` -- `',
  },
  {
    pattern: /\b(?:test|suite|it|describe)\.only\b|\bonly: true\b/g,
    part: 'code',
    applies: isTest,
    what: 'leaves the other tests out',
  },
  {
    // The brackets keep this line from finding itself.
    pattern: /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/g,
    part: 'text',
    applies: everywhere,
    what: 'puts something off; do it, or write it down where it is planned',
  },
]

/** `machinePaths`: folders of the machine this runs on, which no file must name. */
export function checkWords(tree: Tree, machinePaths: readonly string[]): Finding[] {
  const findings: Finding[] = []
  for (const [file, text] of tree.files) {
    for (const rule of RULES) {
      if (!rule.applies(file)) continue
      const where = rule.part === 'text' ? text : tree.scan(file)[rule.part]
      for (const match of where.matchAll(rule.pattern)) {
        findings.push({ file, line: lineOf(where, match.index), what: `${match[0]}: ${rule.what}` })
      }
    }
    for (const path of machinePaths) {
      const at = text.indexOf(path)
      if (at !== -1) findings.push({ file, line: lineOf(text, at), what: `${path}: names a folder of one machine` })
    }
  }
  return findings
}
