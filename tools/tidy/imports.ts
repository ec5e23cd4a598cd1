// Imports point in one direction (docs/architecture.md), type imports and worker files included, and never in a circle.
import { lineOf } from './scan.ts'
import { isProduct, isTest } from './tree.ts'
import type { Finding, Tree } from './tree.ts'

/** Which folders of src/ each folder may import from, besides itself. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  posix: ['base'],
  crypto: ['base'],
  compress: ['base', 'posix'],
  store: ['base', 'posix'],
  chunker: ['base'],
  parity: ['base'],
  format: ['base', 'crypto', 'parity'],
  credentials: ['base', 'posix', 'crypto', 'format'],
  repo: ['base', 'crypto', 'compress', 'format', 'store', 'credentials', 'parity'],
  source: ['base', 'posix', 'compress', 'format'],
  ops: ['base', 'posix', 'crypto', 'compress', 'store', 'chunker', 'parity', 'format', 'credentials', 'repo', 'source'],
  cli: ['base', 'posix', 'crypto', 'compress', 'store', 'chunker', 'format', 'credentials', 'repo', 'source', 'ops'],
}

/**
 * The parts of src/repo/, files and folders, each of which may import from those before it; the files that are not named here
 * join them, and come after all.
 */
export const REPO_ORDER: readonly string[] = [
  'roles.ts',
  'local-state.ts',
  'objects',
  'descriptions.ts',
  'keys',
  'writers',
  'history',
  'index',
  'packs',
  'trees',
]

/** Packages with machine code: importing a module must not need them, so they are loaded where their absence is handled. */
const NATIVE = new Set(['koffi', '@napi-rs/blake-hash', '@napi-rs/lzma', 'lz4-napi'])

export interface Import {
  from: string
  line: number
  specifier: string
  /** The file below the checkout, for a relative specifier. */
  target: string | undefined
  how: 'static' | 'type' | 'later'
}

export function importsOf(tree: Tree, file: string): Import[] {
  const { code, literals } = tree.scan(file)
  // Literals are blank in `code`, so their contents are taken from the same place in `literals`.
  const pattern =
    /\b(?:import\b([^'"`;()]*?)|export\b([^'"`;()]*?)|import\s*\(\s*|new\s+URL\s*\(\s*|createRequire\s*\([^()]*\)\s*\(\s*)(['"`])([^'"`]*)\3/g
  const found: Import[] = []
  for (const match of code.matchAll(pattern)) {
    const clause = match[1] ?? match[2]
    if (clause !== undefined && clause.trim() !== '' && !/\bfrom\s*$/.test(clause)) continue
    const start = match.index + match[0].length - 1 - match[4]!.length
    let specifier = literals.slice(start, start + match[4]!.length)
    if (/^new\s+URL/.test(match[0])) {
      const isModule = /^\s*,\s*import\.meta\.url/.test(code.slice(match.index + match[0].length))
      if (!isModule || /^[a-z]+:/.test(specifier)) continue
      if (!specifier.startsWith('.')) specifier = `./${specifier}`
    }
    found.push({
      from: file,
      line: lineOf(code, match.index),
      specifier,
      target: specifier.startsWith('.') ? resolve(file, specifier) : undefined,
      how: clause === undefined ? 'later' : /^\s*type\b/.test(clause) ? 'type' : 'static',
    })
  }
  return found
}

export function checkImports(tree: Tree, dependencies: readonly string[]): Finding[] {
  const files = tree.typescript('src').filter((file) => !file.includes('/assembly/'))
  const imports = files.flatMap((file) => importsOf(tree, file))
  return [
    ...files.filter((file) => MAY_IMPORT[folderOf(file)] === undefined).map(unknownFolder),
    ...imports.flatMap((i) => wrongDirection(tree, i)),
    ...imports.flatMap(wrongOrder),
    ...files.filter((file) => partOf(file)?.endsWith('/') === true).map(unknownPart),
    ...circles(imports.filter((i) => isProduct(i.from) && (i.how === 'static' || (i.how === 'type' && isOfRepo(i))))),
    ...checkPackages(imports, dependencies),
  ]
}

function wrongDirection(tree: Tree, i: Import): Finding[] {
  if (i.target === undefined) return []
  const finding = (what: string): Finding[] => [{ file: i.from, line: i.line, what }]
  if (i.target.endsWith('.ts') && !tree.files.has(i.target)) return finding(`imports ${i.target}, which does not exist`)
  if (!i.target.startsWith('src/')) {
    return isTest(i.from) && i.target.startsWith('test/') ? [] : finding(`imports ${i.target}: src/ stands on its own`)
  }
  const [own, other] = [folderOf(i.from), folderOf(i.target)]
  const may = MAY_IMPORT[own] ?? []
  if (own === other || may.includes(other)) return []
  const back = pathBetween(tree, i.target, own)
  const chain = [i.from, i.target, ...back].join(' -> ')
  return finding(`${chain}: ${own} may import from ${may.length === 0 ? 'nothing' : may.join(', ')}`)
}

/** Within src/repo/, types included; tests may use all of it. */
function wrongOrder(i: Import): Finding[] {
  const [own, other] = [partOf(i.from), partOf(i.target ?? '')]
  if (own === undefined || other === undefined || isTest(i.from) || rankOf(other) <= rankOf(own)) return []
  const what = `imports ${i.target}: in src/repo/, ${own} comes before ${other}; say with an interface in ${own} what it needs`
  return [{ file: i.from, line: i.line, what }]
}

/** The part of src/repo/ to which a file belongs; with a slash for a folder that is not known. */
function partOf(file: string): string | undefined {
  const [, folder, part, below] = file.split('/')
  if (folder !== 'repo' || part === undefined) return undefined
  return below === undefined || REPO_ORDER.includes(part) ? part : `${part}/`
}

function rankOf(part: string): number {
  const at = REPO_ORDER.indexOf(part)
  return at === -1 ? REPO_ORDER.length : at
}

/** The shortest way of imports from a file into a folder, without the file itself; empty when there is none. */
function pathBetween(tree: Tree, start: string, folder: string): string[] {
  const before = new Map<string, string>([[start, '']])
  for (const file of before.keys()) {
    if (folderOf(file) === folder) {
      const path = [file]
      for (let f = before.get(file)!; f !== '' && f !== start; f = before.get(f)!) path.unshift(f)
      return path
    }
    for (const { target } of importsOf(tree, file)) {
      if (target !== undefined && tree.files.has(target) && !before.has(target)) before.set(target, file)
    }
  }
  return []
}

/** In src/repo/ types point in no circle either, so that a file can be read without all the others. */
function isOfRepo({ from, target = '' }: Import): boolean {
  return partOf(from) !== undefined && partOf(target) !== undefined
}

/** Circles of files, each reported once. Elsewhere types may point back: they are gone when the program runs. */
function circles(imports: readonly Import[]): Finding[] {
  const edges = Map.groupBy(imports, (i) => i.from)
  const done = new Set<string>()
  const findings: Finding[] = []
  const visit = (file: string, path: readonly Import[]): void => {
    const begin = path.findIndex((i) => i.from === file)
    if (begin !== -1) {
      const circle = path.slice(begin)
      const what = `imports go in a circle: ${[...circle.map((i) => i.from), file].join(' -> ')}`
      findings.push({ file, line: circle[0]!.line, what })
      return
    }
    if (done.has(file)) return
    for (const i of edges.get(file) ?? [])
      if (i.target !== undefined && i.target !== file) visit(i.target, [...path, i])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
  return findings
}

/** Every dependency is used, by one folder, which is the one to change when it has to be replaced. */
function checkPackages(imports: readonly Import[], dependencies: readonly string[]): Finding[] {
  const findings: Finding[] = []
  const users = new Map<string, Set<string>>(dependencies.map((name) => [name, new Set()]))
  for (const i of imports) {
    if (i.target !== undefined || i.specifier.startsWith('node:') || !isProduct(i.from)) continue
    const name = i.specifier.split('/', i.specifier.startsWith('@') ? 2 : 1).join('/')
    const folders = users.get(name)
    if (folders === undefined) {
      findings.push({ file: i.from, line: i.line, what: `imports ${name}, which is not among the dependencies` })
    }
    folders?.add(folderOf(i.from))
    if (i.how === 'static' && NATIVE.has(name)) {
      findings.push({
        file: i.from,
        line: i.line,
        what: `imports ${name} at once; not every system has it: load it when it is first used`,
      })
    }
  }
  for (const [name, folders] of users) {
    if (folders.size === 0) findings.push({ file: 'package.json', line: 0, what: `the dependency ${name} is not used` })
    if (folders.size > 1) {
      findings.push({
        file: 'package.json',
        line: 0,
        what: `${name} is imported by several folders: ${[...folders].join(', ')}`,
      })
    }
  }
  return findings
}

function unknownFolder(file: string): Finding {
  return { file, line: 0, what: 'is in a folder that docs/architecture.md and tools/tidy/imports.ts do not know' }
}

function unknownPart(file: string): Finding {
  return {
    file,
    line: 0,
    what: 'is in a folder of src/repo/ that docs/architecture.md and tools/tidy/imports.ts do not know',
  }
}

function folderOf(file: string): string {
  return file.split('/', 2)[1] ?? ''
}

function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}
